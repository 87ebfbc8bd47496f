"""Plain values as YAML text that the loader reads back as the same values."""

import re
from typing import Any

import yaml

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_NUMBER = re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*\.?[0-9_]*)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SURPRISES = frozenset({"yes", "no", "on", "off"})
_MAX_DIGITS = 300


def plain_value(word: str) -> int | float | bool | str | None:
    """The number, boolean or null that the word writes, else the word itself.

    A number is decimal: `1e-3` and `6e6`, which YAML 1.1 reads as strings, are floats, and its
    octal `010`, sexagesimal `1:30` and `1_000` are read as people read them: 10, text, 1000.
    """
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > _MAX_DIGITS:
        return word
    if word.lower() in _SPECIAL:
        return float(_SPECIAL[word.lower()])
    digits = word.replace("_", "")
    if _INTEGER.fullmatch(word):
        return int(digits)
    return float(digits) if _NUMBER.fullmatch(word) and digits.strip("+-.") else word


def is_surprise(word: str) -> bool:
    """True for words that YAML 1.1 reads as booleans, such as `no` and `on`."""
    return word.lower() in _SURPRISES


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper without anchors, and with quotes where the loader would see no text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if not isinstance(plain_value(text), str) or is_surprise(text):
        style = "'"
    if not text.isprintable():
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def flow(value: Any) -> str:
    """`value` as YAML on one line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        width=10**9,
        allow_unicode=True,
    )
    return text.removesuffix("\n").removesuffix("\n...")


def block(value: Any) -> str:
    """`value` as YAML over several lines, each value on its own."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10**9, allow_unicode=True)
    return text.removesuffix("\n")

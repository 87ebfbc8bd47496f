"""The value that a plain (unquoted) word of a YAML file stands for."""

import re

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
    """True for the words that YAML 1.1 reads as booleans though few people mean them so."""
    return word.lower() in _SURPRISES

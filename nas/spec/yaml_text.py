"""Plain values as YAML text that the loader reads back as the same values."""

from typing import Any

import yaml

from nas.spec.plain import is_surprise, plain_value


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

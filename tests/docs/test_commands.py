"""Each command line that a page shows is one that `nas`, pip or a benchmark takes."""

import re
import tomllib

import click
import pytest

from nas.cli.main import nas
from tests.docs.pages import PAGES, ROOT, inline_code
from tests.docs.shell import commands

PLACEHOLDER = re.compile(r"\$?[A-Za-z]")
"""What stands for a number: `S`, `$k`."""
OTHER_PROGRAMS = (
    "docs/measured.md",
    "benchmarks/README.md",
    "CONTRIBUTING.md",
    "docs/contributing.md",
)
"""Pages whose inline flags are of other programs too."""


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words call, and the words that it gets. Raises UsageError for none."""
    command: click.Command = nas
    rest = words
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        with click.Context(command) as context:
            _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    return command, rest


def check(words: list[str]) -> None:
    """Fails where `nas` would refuse the words; files need not be there."""
    command, rest = leaf(words)
    with click.Context(command) as context:
        values, extra, _ = command.make_parser(context).parse_args(list(rest))
        assert not extra, f"{' '.join(words)}: {extra} is too much"
        for parameter in command.params:
            value = values.get(parameter.name or "")
            typed = isinstance(value, str) and not isinstance(parameter.type, click.Path)
            if typed and not PLACEHOLDER.fullmatch(value):
                parameter.type_cast_value(context, value)


def options(command: click.Command) -> set[str]:
    """Every option of a command and of the commands below it."""
    found = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                _, below, _ = command.resolve_command(context, [name])
                assert below is not None
                found |= options(below)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_nas_parses(page: str) -> None:
    for words in commands(page):
        if words[0] == "nas":
            try:
                check(words[1:])
            except click.ClickException as error:
                pytest.fail(f"{page}: {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize(
    "words", ["serch", "search --spaces a.yaml", "search --stop never", "macs a"]
)
def test_a_command_that_nas_would_refuse_fails(words: str) -> None:
    with pytest.raises((click.ClickException, AssertionError)):
        check(words.split())


def test_commands_are_found_in_blocks_and_in_text() -> None:
    shown = [" ".join(words) for words in commands("README.md")]

    assert "nas search --space shufflenet.yaml" in shown  # behind `pip install . &&`
    assert "nas macs --arch runs/from-lite0/best.yaml --compare" in shown  # before a comment
    assert "nas search --resume" in " ".join(shown)  # inline


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OTHER_PROGRAMS])
def test_each_flag_in_the_text_is_one_of_nas(page: str) -> None:
    known = options(nas)
    flags = {
        flag for text in inline_code(page) for flag in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", text)
    }

    assert flags <= known, sorted(flags - known)


@pytest.mark.parametrize("page", PAGES)
def test_each_extra_and_each_program_is_there(page: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for words in commands(page):
        if words[:2] == ["pip", "install"]:
            named = re.findall(r"\[(.+?)\]", " ".join(words))
            extras = {extra for names in named for extra in names.split(",")}
            assert extras <= set(project["optional-dependencies"]), words
        if words[:2] == ["python", "-m"]:
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").is_file() or module.is_dir(), words

"""What the options of all commands have in common."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from nas.cli import options
from nas.cli.main import COMMANDS, nas
from nas.cli.options import Command, FiniteRange, Machine, Option, grouped, option
from nas.errors import NasError

from .conftest import invoke


@dataclass(frozen=True)
class Size:
    height: int
    width: int | None


@click.command(cls=Command)
@option("--name", help="Name.")
@grouped(
    "size",
    Size,
    option("--height", type=click.IntRange(1, 8), default=3, old=("--rows", "--lines")),
    option("--width", type=click.IntRange(0), told_default="as high"),
)
@click.argument("files", nargs=-1)
def draw(name: str | None, size: Size, files: tuple[str, ...]) -> None:
    click.echo(repr((name, size, files)))


@pytest.mark.parametrize("form", [("--rows", 5), ("--rows=5",), ("--lines", 5)])
def test_an_old_name_is_read_with_a_note(form: tuple[object, ...]) -> None:
    result = invoke(draw, *form)
    assert result.stderr == f"note: {str(form[0]).partition('=')[0]} is now --height\n"
    assert result.stdout == "(None, Size(height=5, width=None), ())\n"


def test_the_new_name_is_silent_and_files_may_have_any_name() -> None:
    result = invoke(draw, "--height", 2, "--width", 7, "--", "--rows")
    assert (result.stderr, result.exit_code) == ("", 0)
    assert result.stdout == "(None, Size(height=2, width=7), ('--rows',))\n"


def test_help_has_the_order_of_the_code_and_the_defaults_that_are_told() -> None:
    shown = invoke(draw, "--help").output
    places = [shown.index(name) for name in ("--name", "--height", "--width")]
    assert places == sorted(places)
    assert "--rows" not in shown
    assert "[default: as high]" in shown
    assert "1<=x<=8" in shown
    assert "x>=0" not in shown


@pytest.mark.parametrize("value", ["nan", "inf", "0", "word"])
def test_a_number_is_finite_and_in_its_range(value: str) -> None:
    kind = FiniteRange(0, min_open=True)
    with pytest.raises(click.BadParameter):
        kind.convert(value, None, None)
    assert kind.convert("0.25", None, None) == 0.25


@click.command(cls=Command)
@options.machine("half")
def where(machine: Machine) -> None:
    click.echo(f"{machine.device} {machine.where} {machine.threads}")


def test_a_machine_is_known_to_be_left_open() -> None:
    assert invoke(where).output == "None auto None\n"
    assert invoke(where, "--device", "cuda:1", "--threads", 2).output == "cuda:1 cuda:1 2\n"


@click.command(cls=Command)
@option("--seen", callback=lambda ctx, param, value: "own_block" in sys.modules)
@options.imports()
def using(seen: bool) -> None:
    click.echo(str(seen))


def test_modules_are_imported_before_other_options_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_block.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert invoke(using).output == "False\n"
    assert invoke(using, "--seen", "x", "--import", "own_block").output == "True\n"
    wrong = invoke(using, "--import", "no_such_module").exception
    assert "--import: no_such_module can't be imported" in str(wrong)
    monkeypatch.delitem(sys.modules, "own_block")


def commands(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for name in group.commands:
        _, command, _ = group.resolve_command(click.Context(group), [name])
        assert command is not None
        found += commands(command) if isinstance(command, click.Group) else [command]
    return found


EVERY = {command.name: command for command in commands(nas)}


def test_one_flag_has_one_meaning() -> None:
    """A flag of several commands takes the same kind of value in each of them."""
    kinds: dict[str, set[str]] = {}
    for command in EVERY.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                flag = f"{parameter.opts[0]} {parameter.is_flag}"
                kinds.setdefault(flag, set()).add(type(parameter.type).__name__)
    assert {flag: found for flag, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", EVERY)
def test_every_option_has_help(name: str) -> None:
    for parameter in EVERY[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
            assert isinstance(parameter, Option), parameter.opts


def test_all_commands_are_announced() -> None:
    assert list(nas.commands) == list(COMMANDS)


@pytest.mark.parametrize("name", EVERY)
def test_no_flag_takes_an_empty_text(name: str) -> None:
    """As a script gives it whose variable is not set: it is not the default, nor the folder."""
    for parameter in EVERY[name].params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            result = invoke(EVERY[name], parameter.opts[0], "")
            assert result.exit_code == 2 or isinstance(result.exception, NasError), parameter.opts
            assert parameter.opts[0] in result.output + str(result.exception)

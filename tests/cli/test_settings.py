"""Options that are made from a settings model."""

from typing import Annotated, Literal

import click
import pytest
from pydantic import BeforeValidator, Field

from nas.cli.options import Command
from nas.cli.settings import Changes, changes
from nas.errors import NasError
from nas.spec.validate import Frozen

from .conftest import invoke


def halved(text: object) -> int:
    if text != "half":
        raise ValueError("must be half")
    return 2


class Oven(Frozen):
    """An oven."""

    degrees: Annotated[int, Field(strict=True, ge=50, lt=300)] = 180
    """Heat of
    the oven."""
    share: Annotated[float, Field(strict=True, gt=0, le=1)] | None = None
    """Share of it."""
    mode: Literal["top", "bottom"] = "top"
    """Which side."""
    fan: bool = False
    """Whether air moves."""
    size: Annotated[int, BeforeValidator(halved)] | None = None
    """How large."""


@click.command(cls=Command)
@changes(
    "oven",
    Oven,
    ("degrees", "share", "mode", "fan", "size"),
    mode={"help": "Top or bottom.", "old": ("--side",)},
)
def bake(oven: Changes[Oven]) -> None:
    click.echo(dict(sorted(oven.given.items())))
    click.echo(oven.applied_to(Oven(degrees=60, share=0.5, fan=True)).model_dump_json())


def test_what_was_given_stands_in_place_of_what_was() -> None:
    result = invoke(bake, "--degrees", 299, "--no-fan", "--side", "bottom", "--size", "half")
    given, applied = result.stdout.splitlines()
    assert given == "{'degrees': 299, 'fan': False, 'mode': 'bottom', 'size': 'half'}"
    expected = Oven(degrees=299, share=0.5, mode="bottom", fan=False, size="half")
    assert Oven.model_validate_json(applied.replace('"size":2', '"size":"half"')) == expected
    assert invoke(bake).stdout.splitlines()[0] == "{}"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--degrees", 49), ("--degrees", 300), ("--degrees", 1.5), ("--share", 0), ("--share", 1.1),
        ("--share", "nan"), ("--mode", "left"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_wrong_usage(wrong: tuple[object, ...]) -> None:
    result = invoke(bake, *wrong)
    assert result.exit_code == 2
    assert f"Invalid value for '{wrong[0]}'" in result.output


def test_what_only_the_model_knows_names_the_flag_too() -> None:
    wrong = invoke(bake, "--size", "whole").exception
    assert isinstance(wrong, NasError)
    assert str(wrong) == "--size: must be half"


def test_help_comes_from_the_fields() -> None:
    shown = " ".join(invoke(bake, "--help").output.split())
    assert "--degrees INTEGER Heat of the oven. [default: 180; 50<=x<300]" in shown
    assert "--share NUMBER Share of it. [0<x<=1]" in shown
    assert "--mode [top|bottom] Top or bottom. [default: top]" in shown
    assert "--fan / --no-fan Whether air moves." in shown


def test_a_change_is_changed() -> None:
    oven = Changes(Oven, {"degrees": 70}).changed(share=0.1, mode=None)
    assert oven.given == {"degrees": 70, "share": 0.1}
    assert oven.get("mode") is None
    with pytest.raises(NasError, match="--degrees: 400 is not allowed: Input should be less than"):
        oven.changed(degrees=400).applied_to(Oven())

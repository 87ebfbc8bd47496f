"""Settings with the flags of a command in their place."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from pydantic import ValidationError

from nas.errors import NasError
from nas.spec.validate import Frozen

Flags = Mapping[str, Any]
"""Values by the names of parameters; None where a flag was not given."""
Spec = TypeVar("Spec", bound=Frozen)


def updated(spec: Spec, flags: Flags, *names: str) -> Spec:
    """The object with those flags that were given. Raises NasError for a wrong one."""
    given = {name: flags[name] for name in names if flags[name] is not None}
    try:
        return type(spec).model_validate({**dict(spec), **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = f"{first['input']!r} is not allowed: {first['msg']}"
        raise NasError(problem, key=flag(str(first["loc"][0]))) from error


def flag(name: str) -> str:
    """`--max-macs` of `max_macs`."""
    return f"--{name.replace('_', '-')}"


def given_flags(context: click.Context, *, kept: Collection[str]) -> list[str]:
    """The flags that were typed, whatever their values, but for those of the parameters `kept`."""
    return sorted(
        next(text for text in parameter.opts if text.startswith("--"))
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in kept
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    )


def refuse_others(kept: Collection[str], key: str, why: str) -> None:
    """Raise NasError, saying why, where other flags of this command were typed than `kept`."""
    if given := given_flags(click.get_current_context(), kept=kept):
        raise NasError(f"{why}: leave out {', '.join(given)}", key=key)

"""Settings with the flags of a command in their place."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from nas.errors import NasError
from nas.spec.frozen import Frozen

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

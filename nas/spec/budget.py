"""Budget: what a network may cost and must reach."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from nas.errors import NasError
from nas.spec.quantity import parse_quantity, parse_size
from nas.spec.validate import Settings


def _quantity(value: Any, parse: Callable[[Any], int] = parse_quantity) -> Any:
    if value is None:
        return None
    try:
        return parse(value)
    except NasError as error:
        raise ValueError(error.problem) from error


def _bound(value: Any) -> Any:
    """A number as it is, text as a quantity or a size."""
    if not isinstance(value, str):
        return value
    return _quantity(value, parse_size if value.rstrip().endswith("B") else parse_quantity)


Quantity = Annotated[int, BeforeValidator(_quantity)]
QuantityOrZero = Annotated[
    int, BeforeValidator(lambda value: 0 if value in (0, "0") else _quantity(value))
]
Size = Annotated[int, BeforeValidator(lambda value: _quantity(value, parse_size))]
SizeOrZero = Annotated[
    int, BeforeValidator(lambda value: 0 if value in (0, "0") else _quantity(value, parse_size))
]
Bound = Annotated[int | float, BeforeValidator(_bound), Field(gt=0, allow_inf_nan=False)]
Precision = Literal["int8", "float32"]
"""What the numbers of a deployed network are."""
_OLDER_NAME = "min_macro_f1"
LOOKED_AT = 10
"""How many times the cheapest networks that are looked for the budget is."""


class BudgetSpec(Settings):
    """Budget of the networks that a search trains and chooses."""

    max_macs: Quantity | None = None
    """Most multiply-adds of one sample's forward pass, e.g. 20M; networks above are not trained."""
    from_macs: QuantityOrZero | None = None
    """Multiply-adds from which on `known_cost` looks for networks, by default a tenth of
    max_macs; 0 for all."""
    max_params: Quantity | None = None
    """Most parameters, e.g. 500k; networks above are not trained."""
    max_flash: Size | None = None
    """Most bytes of weights on the device, at `precision`, e.g. 1MiB; networks above are not
    trained."""
    max_ram: Size | None = None
    """Most bytes of activations on the device, at `precision`, e.g. 256KiB; networks above are not
    trained."""
    precision: Precision = "int8"
    """What max_flash and max_ram are counted at."""
    max: Mapping[str, Bound] = {}  # pydantic copies defaults
    """The most of other costs that are known before training, by name; networks above are not
    trained."""
    min_metric: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, validation_alias=AliasChoices("min_metric", _OLDER_NAME)
    )
    """Least value of the task's primary metric that the chosen network must reach on validation."""

    @model_validator(mode="before")
    @classmethod
    def _named_once(cls, data: Any) -> Any:
        if isinstance(data, dict) and "min_metric" in data and _OLDER_NAME in data:
            problem = f"{_OLDER_NAME} is the older name of min_metric: give one of the two"
            at_key = InitErrorDetails(
                type=PydanticCustomError("two_names", problem),
                loc=(_OLDER_NAME,),
                input=data[_OLDER_NAME],
            )
            raise ValidationError.from_exception_data(cls.__name__, [at_key])
        return data

    @model_validator(mode="after")
    def _in_order(self) -> "BudgetSpec":
        if (self.from_macs or 0) > (self.max_macs or math.inf):
            raise ValueError(f"from_macs {self.from_macs} is above max_macs {self.max_macs}")
        return self

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the keys that came later, where they say nothing."""
        written: dict[str, Any] = write(self)
        sized = self.max_flash is not None or self.max_ram is not None
        empty = {
            "max": not self.max,
            "from_macs": self.from_macs is None,
            "max_flash": self.max_flash is None,
            "max_ram": self.max_ram is None,
            "precision": not sized,
        }
        return {key: value for key, value in written.items() if not empty.get(key)}

    @property
    def bounds(self) -> dict[str, float]:
        """The most of each cost besides MACs and parameters, by the name of its objective."""
        sizes = {"flash": self.max_flash, "ram": self.max_ram}
        given = {key: value for key, value in sizes.items() if value is not None}
        named = {f"{key}_{self.precision}_bytes": value for key, value in given.items()}
        return {
            **named,
            **{key: min(value, named.get(key, value)) for key, value in self.max.items()},
        }

    def of_cost(self, name: str) -> float | None:
        """The most of a cost; None where there is no bound."""
        known = {"macs": self.max_macs, "parameters": self.max_params, **self.bounds}
        return known.get(name)

    def least(self, name: str) -> float:
        """The cost from which on a search looks for networks; 0 where nothing says so.

        A budget says where somebody looks: rarely at a hundredth of it.
        """
        if name == "macs" and self.from_macs is not None:
            return self.from_macs
        return (self.of_cost(name) or 0.0) / LOOKED_AT

    def excess(
        self, macs: int, parameters: int, others: Mapping[str, float] = MappingProxyType({})
    ) -> float:
        """How far over the budget, relative to it: at most 0 within, above 0 outside.

        `others` are the costs in `bounds`, by name.
        """
        over = [-1.0]
        if self.max_macs is not None:
            over.append(macs / self.max_macs - 1)
        if self.max_params is not None:
            over.append(parameters / self.max_params - 1)
        over += [others[name] / bound - 1 for name, bound in self.bounds.items()]
        return max(over)

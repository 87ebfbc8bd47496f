"""What a network may cost and must reach."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from nas.errors import NasError
from nas.spec.quantity import parse_quantity
from nas.spec.validate import Frozen


def _quantity(value: Any) -> Any:
    if value is None:
        return None
    try:
        return parse_quantity(value)
    except NasError as error:
        raise ValueError(error.problem) from error


Quantity = Annotated[int, BeforeValidator(_quantity)]
_OLDER_NAME = "min_macro_f1"


class BudgetSpec(Frozen):
    """Bounds of the networks that a search trains."""

    max_macs: Quantity | None = None
    """Multiply-adds of one sample's forward pass at most; networks above are never trained."""
    max_params: Quantity | None = None
    """Parameters at most; networks above are never trained."""
    min_metric: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, validation_alias=AliasChoices("min_metric", _OLDER_NAME)
    )
    """Value of the task's first metric on validation that the chosen network must reach. Read from
    `min_macro_f1` too, its name before there were tasks with another metric."""

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

    def excess(self, macs: int, parameters: int) -> float:
        """How far over the budget, relative to it: at most 0 within, above 0 outside."""
        over = [-1.0]
        if self.max_macs is not None:
            over.append(macs / self.max_macs - 1)
        if self.max_params is not None:
            over.append(parameters / self.max_params - 1)
        return max(over)

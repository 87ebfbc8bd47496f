"""What a network may cost and must reach."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nas.errors import NasError
from nas.spec.frozen import Frozen
from nas.spec.quantity import parse_quantity


def _quantity(value: Any) -> Any:
    if value is None:
        return None
    try:
        return parse_quantity(value)
    except NasError as error:
        raise ValueError(error.problem) from error


Quantity = Annotated[int, BeforeValidator(_quantity)]


class BudgetSpec(Frozen):
    """Bounds of the networks that a search trains."""

    max_macs: Quantity | None = None
    """Multiply-adds of one sample's forward pass at most; networks above are never trained."""
    max_params: Quantity | None = None
    """Parameters at most; networks above are never trained."""
    min_macro_f1: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    """Validation macro-F1 that the chosen network must reach."""

    def excess(self, macs: int, parameters: int) -> float:
        """How far over the budget, relative to it: at most 0 within, above 0 outside."""
        over = [-1.0]
        if self.max_macs is not None:
            over.append(macs / self.max_macs - 1)
        if self.max_params is not None:
            over.append(parameters / self.max_params - 1)
        return max(over)

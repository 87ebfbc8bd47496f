"""Arrays of finite numbers, checked before anything is measured on them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def finite_numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """The values as float64.

    Raises ValueError for values that are no numbers (numpy turns a list of mixed values into
    strings silently), not finite or ragged.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} must be numbers, but are {array.dtype}")
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        wrong = (~np.isfinite(numbers)).sum()
        raise ValueError(f"{wrong} of {numbers.size} {what} are not finite")
    return numbers


def finite_list(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """As `finite_numbers`, of shape (N,). Raises ValueError for any other shape too."""
    numbers = finite_numbers(values, what)
    if numbers.ndim != 1:
        raise ValueError(f"{what} must be one list of numbers, but have shape {numbers.shape}")
    return numbers

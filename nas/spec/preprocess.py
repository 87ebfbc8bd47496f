"""What inference must repeat of the data pipeline, kept in the architecture file."""

from typing import Annotated, Self

from nas.spec.kinds import Kinds
from nas.spec.validate import Frozen


class Preprocess(Frozen):
    """How one kind of data becomes inputs of a network. Tasks have kinds of their own."""

    kind: str
    """Name of the kind."""

    @property
    def says_normalisation(self) -> bool:
        """Whether mean or std was written; otherwise both are measured on the training data."""
        return bool({"mean", "std"} & self.model_fields_set)

    def unmeasured(self) -> Self:
        """The same, mean and std to be measured on the training data."""
        return self.model_validate(self.model_dump(exclude_unset=True, exclude={"mean", "std"}))


AnyPreprocess = Annotated[Preprocess, Kinds("preprocess_types", Preprocess)]
"""What any task keeps, told apart by `kind`."""

"""Where an architecture comes from: the search, its data and their splits, how it was trained."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_serializer

from nas.spec.validate import Flag

Seed = Annotated[int, Field(strict=True, ge=0)]


class Provenance(BaseModel):
    """`provenance` of an architecture file.

    What a file does not say has the default here and stays unsaid when it is written again. Keys
    that are not known here, as a metric's `validation_macro_f1`, are kept as they are.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    study: JsonValue = None
    """Name of the search's folder."""
    trial: JsonValue = None
    """Number of the trial in it."""
    architecture_hash: JsonValue = None
    macs: JsonValue = None
    """Multiply-adds of one sample's forward pass."""
    parameters: JsonValue = None
    rounded: JsonValue = None
    """Widths that were rounded or scaled when rows were read, in words."""

    data: str | None = None
    """Folder, table, or name of a built-in set; null is the task's own built-in set."""
    split_seed: Seed = 0
    """Seed of the splits that the data lack, or the fold that is the test split. Not the training
    seed: another split would test on samples that the search has learned from."""
    split_digest: str | None = None
    """Of which file is in which split; empty or null where all splits are given."""
    groups: str | None = None
    """Table of the groups that no split may cut."""
    found_on_split_seed: Seed | None = None
    """The split seed of the search that chose the network, where it is trained on other splits."""

    training: dict[str, JsonValue] | None = None
    """Settings of the search that found it: read by `nas.train.source.training_of`."""
    training_seed: Seed | None = None
    strict: Flag = False
    """Whether files that can't be read stop the run."""
    pretrained: Flag = False
    """Whether it began with the published weights of another library."""
    backbone_from: str | None = None
    """Finished run with whose weights a detector's backbone began."""
    teacher: list[str] | None = None
    """Folders of the runs whose networks taught it, seen from its own."""
    unlabelled: str | None = None
    """Folder of samples without labels that it was taught on too."""
    threads: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Cores that PyTorch used: another number rounds sums otherwise."""
    pipeline_step: str | None = None
    """Which of a pipeline's steps trained it; null for a plain run."""
    aux_weight: float | None = None
    """Weight of a student's auxiliary loss."""
    commit: JsonValue = None

    @model_serializer
    def said(self) -> dict[str, Any]:
        """What is known, by key; what was not said is left out."""
        return {name: value for name, value in self if name in self.model_fields_set}

    @property
    def says_data(self) -> bool:
        """Whether it says on which data the network was made; null is the built-in set."""
        return "data" in self.model_fields_set

    def joined(self, later: "Provenance") -> Self:
        """All that either says; what both say as the later one does."""
        return self.model_validate({**self.said(), **later.said()})

    def without(self, *names: str) -> Self:
        """The same with those keys unsaid."""
        said = {name: value for name, value in self.said().items() if name not in names}
        return self.model_validate(said)

    def split_facts(self) -> Self:
        """What is known of the data and their splits alone."""
        kept = {"data", "split_seed", "split_digest", "groups"}
        return self.without(*self.model_fields_set - kept)

    def other_splits(self, seed: int) -> bool:
        """Whether it says other splits than those of that seed."""
        return "split_seed" in self.model_fields_set and self.split_seed != seed

    def on_splits(self, seed: int) -> Self:
        """The same on the splits of that seed, without what it says of the files in others."""
        kept = self.without("split_digest") if self.other_splits(seed) else self
        return kept.joined(Provenance(split_seed=seed))

    def trained_on_splits(self, seed: int) -> Self:
        """As `on_splits`, and where the network was found is kept if that was on others."""
        found = self.found_on_split_seed
        if found is None and self.other_splits(seed):
            found = self.split_seed
        kept = self.on_splits(seed).without("found_on_split_seed")
        if found is None or found == seed:
            return kept
        return kept.joined(Provenance(found_on_split_seed=found))

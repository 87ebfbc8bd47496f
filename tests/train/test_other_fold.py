"""A fold's splits: where a network was found is kept, what was measured on other splits is not."""

import pytest

from nas.data.xray.preprocess import XrayPreprocess
from nas.spec.architecture import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance
from nas.train.data import other_fold_warning
from nas.train.source import on_fold

MEASURED = XrayPreprocess(labels="opacity", mean=(0.4,), std=(0.2,))
FOUND = ArchitectureSpec(
    "a",
    InputSpec(channels=1, height=8, width=8),
    task="covid-study",
    preprocess=MEASURED,
    provenance=Provenance(split_seed=0, split_digest="abc", trial=7),
)


def on(*folds: int) -> ArchitectureSpec:
    """Trained on one fold after the other."""
    architecture = FOUND
    for fold in folds:
        architecture = on_fold(architecture, fold)
    return architecture


@pytest.mark.parametrize(
    ("folds", "known"), [((0,), None), ((1,), 0), ((1, 2), 0), ((1, 1), 0), ((1, 0), None)]
)
def test_it_is_known_where_a_network_was_found(folds: tuple[int, ...], known: int | None) -> None:
    architecture = on(*folds)
    assert architecture.provenance.split_seed == folds[-1]
    assert architecture.provenance.found_on_split_seed == known
    assert ("found_on_split_seed" in architecture.provenance.said()) == (known is not None)
    warning = other_fold_warning(architecture)
    assert (warning is not None) == (known is not None)
    assert warning is None or "the splits of fold 0" in warning


def test_what_was_measured_on_other_splits_is_unsaid() -> None:
    assert on(0) == FOUND
    other = on(1)
    assert other.preprocess == XrayPreprocess(labels="opacity")
    assert not XrayPreprocess.model_validate(other.preprocess).says_normalisation
    assert other.provenance == Provenance(split_seed=1, trial=7, found_on_split_seed=0)


def test_what_is_written_by_hand_is_kept() -> None:
    """It says nothing of splits that it was measured on."""
    by_hand = ArchitectureSpec("a", FOUND.input, task="covid-study", preprocess=MEASURED)
    assert on_fold(by_hand, 1).preprocess == MEASURED

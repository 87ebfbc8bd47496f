"""Folds by their properties: no group divided, classes spread, the same for any order."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.xray.folds import FOLDS, FoldItem, make_folds, partition_of, split_of_fold
from nas.data.xray.splits import patient_groups

LABELS = ("negative", "typical", "indeterminate", "atypical")


@st.composite
def item_lists(draw: st.DrawFn) -> list[FoldItem]:
    """Items of which one class has five or more, in five groups or more."""
    rows = draw(
        st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 12)), min_size=8, max_size=60)
    )
    rows += [("negative", number) for number in range(FOLDS)]
    return [FoldItem(f"i{n:02d}", label, f"g{group}") for n, (label, group) in enumerate(rows)]


@settings(max_examples=40, deadline=None)
@given(item_lists(), st.integers(-3, 40), st.randoms(use_true_random=False))
def test_groups_never_cross_and_the_order_does_not_count(items, seed, random) -> None:
    folds = make_folds(items, seed)
    assert folds.keys() == {item.id for item in items}
    assert set(folds.values()) <= set(range(FOLDS))
    found = defaultdict(set)
    for item in items:
        found[item.group].add(folds[item.id])
    assert all(len(numbers) == 1 for numbers in found.values())
    shuffled = list(items)
    random.shuffle(shuffled)
    assert make_folds(shuffled, seed) == folds


def test_each_class_is_spread_evenly_and_the_seed_shuffles() -> None:
    items = [FoldItem(f"i{n:03d}", LABELS[n % 4], f"g{n // 2}") for n in range(200)]
    folds = make_folds(items, 0)
    counts = Counter((item.label, folds[item.id]) for item in items)
    assert all(abs(counts[label, fold] - 10) <= 1 for label in LABELS for fold in range(FOLDS))
    assert make_folds(items, 1) != folds


def test_too_little_to_be_divided() -> None:
    few = [FoldItem(f"i{n}", "negative", f"g{n % 4}") for n in range(20)]
    with pytest.raises(ValueError, match="number of groups"):
        make_folds(few, 0)
    sparse = [FoldItem(f"i{n}", LABELS[n % 4], f"g{n}") for n in range(16)]
    with pytest.raises(ValueError, match="number of members in each class"):
        make_folds(sparse, 0)


@given(st.integers(0, 40))
def test_five_seeds_are_the_folds_of_one_partition(partition: int) -> None:
    seeds = range(FOLDS * partition, FOLDS * (partition + 1))
    assert {partition_of(seed) for seed in seeds} == {partition}
    for test_given in (False, True):
        for held in ("validation",) if test_given else ("test", "validation"):
            places = [
                fold
                for seed in seeds
                for fold in range(FOLDS)
                if split_of_fold(fold, seed, test_given=test_given) == held
            ]
            assert sorted(places) == list(range(FOLDS))


def test_which_fold_is_what() -> None:
    assert [split_of_fold(fold, 3, test_given=False) for fold in range(FOLDS)] == [
        "train", "train", "train", "test", "validation",
    ]  # fmt: skip
    assert split_of_fold(0, 9, test_given=False) == "validation"
    assert [split_of_fold(fold, 8, test_given=True) for fold in range(FOLDS)] == [
        "train", "train", "train", "validation", "train",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("studies", "patients", "groups"),
    [
        ("ab", [None, None], "ab"),
        ("abb", ["p", "p", "p"], "ppp"),
        ("aab", ["p", None, "q"], "ppq"),  # known for one image of a study
        ("aabc", ["q", "p", "q", "r"], "pppr"),  # a study of two patients joins all of theirs
        ("ab", [None, "a"], "aa"),  # a patient and a study of one name are not one
    ],
)
def test_images_of_a_patient_and_of_a_study_go_together(studies, patients, groups) -> None:
    assert patient_groups(list(studies), patients) == tuple(groups)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["p", "q", "r", None]))))
def test_no_study_and_no_patient_is_divided(rows) -> None:
    studies, patients = [row[0] for row in rows], [row[1] for row in rows]
    groups = patient_groups(studies, patients)
    for names in (studies, patients):
        found = defaultdict(set)
        for name, group in zip(names, groups, strict=True):
            found[name].add(group)
        assert all(len(found[name]) == 1 for name in found if name is not None)

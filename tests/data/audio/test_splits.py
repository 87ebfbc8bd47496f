"""Recordings divided into splits: whole, complete, classes kept in train and near their shares."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.audio.splits import VALIDATION_SHARE, RecordingEvents, divide_recordings

event_lists = st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=12, max_size=40)


def recordings(events: list[list[str]]) -> list[RecordingEvents]:
    return [RecordingEvents(f"r{number:03d}", tuple(names)) for number, names in enumerate(events)]


@pytest.mark.slow
@given(event_lists, st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_every_class_stays_in_train(events: list[list[str]], seed: int) -> None:
    members = recordings(events)
    splits = divide_recordings(members, seed)
    assert splits.keys() == {item.key for item in members}
    in_train = {name for item in members if splits[item.key] == "train" for name in item.classes}
    assert in_train == {name for item in members for name in item.classes}


@given(event_lists, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_recordings_does_not_matter(events: list[list[str]], random) -> None:
    members = recordings(events)
    shuffled = members.copy()
    random.shuffle(shuffled)
    assert divide_recordings(members, 1) == divide_recordings(shuffled, 1)


@given(st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_classes_and_recordings_give_their_share(seed: int) -> None:
    """Of recordings with one to three events, where taking the fullest first would take too many
    of the rarest class."""
    events = [["a", "b", "c"][: 1 + number % 3] for number in range(90)]
    members = [*recordings(events), RecordingEvents("t", ("a",), "test")]
    splits = divide_recordings(members, seed)
    held = [item for item in members if splits[item.key] == "validation"]
    counts = Counter(name for item in held for name in item.classes)
    for name, total in (("a", 90), ("b", 60), ("c", 30)):
        assert abs(counts[name] - VALIDATION_SHARE * total) <= 1
    assert abs(len(held) - VALIDATION_SHARE * 90) <= 1
    assert [key for key, split in splits.items() if split == "test"] == ["t"]


def test_the_seed_matters() -> None:
    members = recordings([["a", "b"][: 1 + number % 2] for number in range(40)])
    assert divide_recordings(members, 0) != divide_recordings(members, 1)


def test_a_rare_class_gives_one_event_to_each_split_that_it_can() -> None:
    for groups, expected in ((3, {"train", "validation", "test"}), (1, {"train"})):
        members = recordings([["rare"]] * groups + [["a"]] * 40)
        splits = divide_recordings(members, 0)
        assert {splits[item.key] for item in members if "rare" in item.classes} == expected


def test_recordings_without_events_are_shared_out_too() -> None:
    members = recordings([["a"]] * 20 + [[]] * 40)
    splits = divide_recordings(members, 0)
    silent = Counter(splits[item.key] for item in members if not item.classes)
    assert silent == {"train": 22, "validation": 10, "test": 8}


def test_groups_are_not_divided() -> None:
    members = [
        RecordingEvents(f"r{number}", ("a", "b"), group=f"g{number % 6}") for number in range(24)
    ]
    splits = divide_recordings(members, 1)
    assert len({(item.group, splits[item.key]) for item in members}) == 6
    assert set(splits.values()) == {"train", "validation", "test"}

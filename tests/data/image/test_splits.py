"""Splits that are made: disjoint, complete, stratified, by group, the same for any file order."""

from collections import Counter, defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.image.source import ImageFile
from nas.data.image.splits import TEST_SHARE, VALIDATION_SHARE, divide_images
from nas.data.splits import Split

sizes = st.lists(st.integers(1, 60), min_size=2, max_size=5)
givens = st.sampled_from([None, "validation", "test"])


def pool(counts: list[int]) -> list[ImageFile]:
    return [
        ImageFile(f"{label}/{number}.png", Path("x"), str(label))
        for label, count in enumerate(counts)
        for number in range(count)
    ]


def by_key(files: tuple[ImageFile, ...]) -> dict[str, Split | None]:
    return {file.key: file.split for file in files}


@given(sizes, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_class_gives_its_share(counts: list[int], seed: int) -> None:
    files = divide_images(pool(counts), seed)
    assert [file.key for file in files] == [file.key for file in pool(counts)]
    found = Counter((file.label, file.split) for file in files)
    for label, count in enumerate(counts):
        test, validation = found[str(label), "test"], found[str(label), "validation"]
        assert found[str(label), "train"] >= 1
        assert abs(test - max(TEST_SHARE * count, count >= 3)) <= 0.5
        assert abs(validation - max(VALIDATION_SHARE * count, count >= 2)) <= 0.5


@given(sizes, givens, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_files_does_not_matter(counts: list[int], split: Split | None, random) -> None:
    files = pool(counts)
    if split is not None:
        files += [ImageFile("given.png", Path("x"), "0", split)]
    shuffled = files.copy()
    random.shuffle(shuffled)
    assert by_key(divide_images(files, 3)) == by_key(divide_images(tuple(shuffled), 3))


def test_the_seed_matters() -> None:
    assert by_key(divide_images(pool([50, 50]), 0)) != by_key(divide_images(pool([50, 50]), 1))


def test_given_splits_are_kept_and_only_missing_ones_made() -> None:
    held = [ImageFile(f"t{number}", Path("x"), "0", "test") for number in range(7)]
    files = [*pool([40, 20]), *held]
    found = Counter((file.label, file.split) for file in divide_images(files, 0))
    assert found["0", "test"] == 7
    assert found["1", "test"] == 0
    assert (found["0", "validation"], found["1", "validation"]) == (6, 3)
    both = [*files, ImageFile("v", Path("x"), "0", "validation")]
    found = Counter(file.split for file in divide_images(both, 0))
    assert found == {"train": 60, "test": 7, "validation": 1}


def test_classes_of_one_and_two_images_stay_in_train() -> None:
    found = Counter((file.label, file.split) for file in divide_images(pool([1, 2, 3, 30]), 0))
    assert [found[str(label), "train"] for label in range(4)] == [1, 1, 1, 30 - 6 - 4]
    assert found["1", "validation"] == 1
    assert (found["2", "validation"], found["2", "test"]) == (1, 1)


groupings = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 12))),
    min_size=2,
    max_size=120,
)


@given(groupings, st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_no_group_crosses_splits(images: list[tuple[int, int | None]], seed: int) -> None:
    files = [
        ImageFile(str(number), Path("x"), str(label), None, None if group is None else str(group))
        for number, (label, group) in enumerate(images)
    ]
    assigned = divide_images(files, seed)
    splits = defaultdict(set)
    for file in assigned:
        if file.group is not None:
            splits[file.group].add(file.split)
    assert all(len(found) == 1 for found in splits.values())
    in_train = {file.label for file in assigned if file.split == "train"}
    assert in_train == {file.label for file in files}


def test_groups_come_near_the_shares() -> None:
    files = [
        ImageFile(f"{label}/{number}", Path("x"), str(label), None, f"{label}.{number // 4}")
        for label in range(3)
        for number in range(200)
    ]
    found = Counter((file.label, file.split) for file in divide_images(files, 0))
    for label in "012":
        assert abs(found[label, "test"] - 40) <= 2
        assert abs(found[label, "validation"] - 30) <= 2


def test_a_group_with_the_only_image_of_a_class_stays_in_train() -> None:
    # Without the rare class, its group would be held out like any other of its size.
    for rare in range(20):
        files = [
            ImageFile(f"a/{number:03d}", Path("x"), "a", None, str(number // 5))
            for number in range(100)
        ]
        files.append(ImageFile("b/0", Path("x"), "b", None, str(rare)))
        assert by_key(divide_images(files, 0))["b/0"] == "train"


def test_large_groups_are_placed_first() -> None:
    # 35 single images and groups of 10 and 5: the 10 fit test's 10 exactly, the 5 validation.
    files = [ImageFile(f"s{number}", Path("x"), "a") for number in range(35)]
    files += [ImageFile(f"g{number}", Path("x"), "a", None, "g") for number in range(10)]
    files += [ImageFile(f"h{number}", Path("x"), "a", None, "h") for number in range(5)]
    found = by_key(divide_images(files, 0))
    assert {key for key, split in found.items() if split == "test"} == {
        f"g{number}" for number in range(10)
    }
    assert all(found[f"h{number}"] == "validation" for number in range(5))

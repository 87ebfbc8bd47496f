"""Recordings of a data set: layouts, descriptions, rows without files, splits."""

from collections import Counter
from pathlib import Path

import pytest

from nas.data.audio.listing import AudioListing, list_recordings
from nas.errors import NasError
from tests.data.audio_set import Row, write_events, write_noise, write_set

MANY: list[Row] = [(f"r{number:02d}", number % 2, 0.1, 0.4) for number in range(16)]


def ids(listing: AudioListing, split: str) -> list[str]:
    return [item.id for item in listing.files if item.split == split]


def test_the_kaggle_layout_without_names_and_with_a_test_folder_that_has_no_labels(
    tmp_path: Path,
) -> None:
    write_set(tmp_path, MANY, [("f00", 1, 0.2, 0.3), ("r00", 1, 0.5, 0.6)])
    write_noise(tmp_path / "train" / "never_labelled.flac")
    write_noise(tmp_path / "test" / "t0.flac")
    (tmp_path / "train" / ".hidden.flac").write_bytes(b"")
    (tmp_path / "sample_submission.csv").write_text("recording_id,s0\n")
    listing = list_recordings(tmp_path, 0)
    assert listing.classes == ("s0", "s1")
    assert listing.made_splits == ("validation", "test")
    assert listing.wrong == ()
    assert listing.ignored_files == 1
    assert len(listing.files) == 17
    first = next(item for item in listing.files if item.id == "r00")
    assert first.key == "train/r00.flac"
    assert [row.species for row in first.rows_tp] == ["s0"]
    assert [row.species for row in first.rows_fp] == ["s1"]
    assert not any(listing.complete(split) for split in ("train", "validation", "test"))


def test_a_labelled_test_folder_is_the_test_split_and_complete(tmp_path: Path) -> None:
    write_set(tmp_path, MANY, [])
    for name in ("t0", "t1"):
        write_noise(tmp_path / "test" / f"{name}.wav")
    write_events(tmp_path / "test_events.csv", [("t0", 1, 0.1, 0.2)])
    (tmp_path / "species.csv").write_text("species_id,name\n1,bird\n0,frog\n")
    listing = list_recordings(tmp_path, 0)
    assert listing.classes == ("frog", "bird")
    assert ids(listing, "test") == ["t0", "t1"]  # nothing sounds in t1
    assert listing.made_splits == ("validation",)
    assert listing.complete("test")
    assert not listing.complete("train")
    assert len(ids(listing, "validation")) == 4


def test_test_labels_say_which_recordings_were_listened_to(tmp_path: Path) -> None:
    write_set(tmp_path, MANY, [])
    for name in ("t0", "t1", "t2"):
        write_noise(tmp_path / "test" / f"{name}.wav")
    write_events(tmp_path / "test_events.csv", [("t0", 1, 0.1, 0.2)])
    (tmp_path / "test_labels.csv").write_text("recording_id,s0,s1\nt1,0,0\nlost,0,0\n")
    listing = list_recordings(tmp_path, 0)
    assert ids(listing, "test") == ["t0", "t1"]
    assert listing.wrong == ("test_labels.csv:3: no recording 'lost' in test",)


def test_without_false_positives_all_files_count_and_labels_are_complete(tmp_path: Path) -> None:
    write_set(tmp_path, MANY, None)
    write_noise(tmp_path / "train" / "silent.flac")
    listing = list_recordings(tmp_path, 0)
    assert "silent" in {item.id for item in listing.files}
    assert listing.ignored_files == 0
    assert listing.complete("train")


def test_rows_without_a_file_are_named_with_their_lines(tmp_path: Path) -> None:
    write_set(tmp_path, MANY, MANY[:1])
    (tmp_path / "train" / "r03.flac").unlink()
    with (tmp_path / "train_fp.csv").open("a") as stream:
        stream.write("r01,9,1,0.1,50,0.2,60\n")
    listing = list_recordings(tmp_path, 0)
    assert listing.wrong == (
        "train_tp.csv:5: no recording 'r03' in train",
        "train_fp.csv:3: no species '9'; allowed: 0, 1",
    )
    assert "r03" not in {item.id for item in listing.files}


def test_a_yaml_file_describes_another_layout(tmp_path: Path) -> None:
    for number in range(8):
        write_noise(tmp_path / "sound" / f"r{number:02d}.wav")
    write_events(tmp_path / "part.csv", MANY[:8])
    write_noise(tmp_path / "real" / "long.wav", 2.0)
    write_events(tmp_path / "real" / "boxes.csv", [("long", 0, 0.5, 1.5)])
    description = tmp_path / "birds.yaml"
    description.write_text(
        "audio: sound\ntrue_positives: part.csv\n"
        "test_audio: real/long.wav\ntest_events: real/boxes.csv\n"
    )
    listing = list_recordings(description, 0)
    assert [item.key for item in listing.files if item.split == "test"] == ["real/long.wav"]
    assert len(listing.files) == 9
    assert listing.root == tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio: train\n", r"birds\.yaml:1 true_positives: this key is missing"),
        (
            "audio: tran\ntrue_positives: train_tp.csv\n",
            r"birds\.yaml:1 audio: no such file or folder; did you mean 'train'",
        ),
        (
            "audio: train\ntrue_positives: train_tp.csv\ntest_audios: train\n",
            r"birds\.yaml:3 test_audios: no key 'test_audios' here; did you mean 'test_audio'",
        ),
        (
            "audio: train\ntrue_positives: train_tp.csv\ntest_audio: train\n",
            "test_audio and test_events must both be given",
        ),
        (
            "audio: train\ntrue_positives: train_tp.csv\ntest_labels: train_fp.csv\n",
            r"birds\.yaml:3 test_labels: of no use without",
        ),
        (
            "audio: train\ntrue_positives: train_tp.csv\ntest_audio: train\n"
            "test_events: train_tp.csv\n",
            "in both train and test: .*r00",
        ),
        ("audio: train_tp.csv\ntrue_positives: train_tp.csv\n", "no recordings here"),
    ],
)
def test_a_wrong_description_is_the_users_mistake(tmp_path: Path, text: str, message: str) -> None:
    write_set(tmp_path, MANY)
    (tmp_path / "birds.yaml").write_text(text)
    with pytest.raises(NasError, match=message):
        list_recordings(tmp_path / "birds.yaml", 0)


def test_what_is_no_data_set_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no such folder or YAML file"):
        list_recordings(tmp_path / "none", 0)
    with pytest.raises(NasError, match=r"no recordings here; a folder holds train_tp\.csv"):
        list_recordings(tmp_path, 0)
    write_events(tmp_path / "train_tp.csv", [])
    with pytest.raises(NasError, match=r"not a folder, and not a \.yaml file"):
        list_recordings(tmp_path / "train_tp.csv", 0)
    with pytest.raises(NasError, match="no folder 'train'"):
        list_recordings(tmp_path, 0)
    (tmp_path / "train").mkdir()
    with pytest.raises(
        NasError, match=r"no recordings here; .*\.flac, \.wav, \.ogg, .*\.aif, \.npz"
    ):
        list_recordings(tmp_path, 0)
    write_noise(tmp_path / "train" / "a.flac")
    with pytest.raises(NasError, match="no row that can be used"):
        list_recordings(tmp_path, 0)
    write_noise(tmp_path / "train" / "a.wav")
    with pytest.raises(NasError, match=r"two files of one recording, 'a\.flac' and 'a\.wav'"):
        list_recordings(tmp_path, 0)
    write_events(tmp_path / "test_events.csv", [])
    with pytest.raises(NasError, match="no folder 'test'"):
        list_recordings(tmp_path, 0)


def test_a_species_that_nothing_can_be_learned_of_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, MANY)
    (tmp_path / "species.csv").write_text("species_id,name\n0,frog\n1,bird\n2,toad\n")
    with pytest.raises(NasError, match="1 of 3 species have no usable true positive: 'toad'"):
        list_recordings(tmp_path, 0)


def test_ids_may_have_an_ending(tmp_path: Path) -> None:
    write_set(tmp_path, MANY)
    plain = list_recordings(tmp_path, 0)
    write_events(tmp_path / "train_tp.csv", [(f"{name}.flac", *row) for name, *row in MANY])
    assert list_recordings(tmp_path, 0).files == plain.files


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], r"in test$"),
        ([("r00", 1, 0.1, 0.2)], r"in test: test_events\.csv:2: no recording 'r00' in test$"),
        ([("t0", 9, 0.1, 0.2)], r"in test: test_events\.csv:2: no species '9'"),
    ],
)
def test_a_test_split_without_an_event_is_refused_and_not_made(
    tmp_path: Path, rows: list[Row], reason: str
) -> None:
    write_set(tmp_path, MANY)
    write_noise(tmp_path / "test" / "t0.wav")
    write_events(tmp_path / "test_events.csv", rows)
    with pytest.raises(NasError, match=r"test_events\.csv: no event fits a recording " + reason):
        list_recordings(tmp_path, 0)
    # Those that were listened to do not make an event.
    (tmp_path / "test_labels.csv").write_text("recording_id,s0\nt0,0\n")
    with pytest.raises(NasError, match=r"test_events\.csv: no event fits a recording " + reason):
        list_recordings(tmp_path, 0)


def test_groups_go_together(tmp_path: Path) -> None:
    write_set(tmp_path, MANY)
    table = tmp_path / "sites.csv"
    lines = [f"train/{name}.flac,site{number // 4}" for number, (name, *_) in enumerate(MANY)]
    table.write_text("path,group\n" + "\n".join(lines) + "\n")
    listing = list_recordings(tmp_path, 0, table)
    found = {(item.group, item.split) for item in listing.files}
    assert len(found) == 4
    assert {split for _, split in found} == {"train", "validation", "test"}
    table.write_text("path,group\n" + "\n".join(lines[1:]) + "\n")
    with pytest.raises(NasError, match=r"1 of 16 recordings have no row, first 'train/r00\.flac'"):
        list_recordings(tmp_path, 0, table)


def test_splits_follow_the_seed_alone(tmp_path: Path) -> None:
    write_set(tmp_path, MANY)
    splits = [ids(list_recordings(tmp_path, seed), "validation") for seed in (0, 0, 1, 2)]
    assert splits[0] == splits[1]
    assert len({tuple(names) for names in splits}) > 1


def test_each_class_is_shared_out(tmp_path: Path) -> None:
    write_set(tmp_path, MANY)
    listing = list_recordings(tmp_path, 3)
    found = Counter((item.rows_tp[0].species, item.split) for item in listing.files)
    for name in ("s0", "s1"):
        assert abs(found[name, "test"] - 0.20 * 8) < 1
        assert abs(found[name, "validation"] - 0.25 * 8) < 1

"""What is said of data before a network learns from them."""

from nas.data.audio.dataset import AudioData
from nas.data.audio.preprocess import MelPreprocess
from nas.report.lines import data_lines
from nas.spec.definition import InputSpec


def sounds(**facts: object) -> AudioData:
    size = InputSpec(channels=1, height=64, width=128)
    return AudioData(
        splits={},
        classes=("wren",),
        source="forest",
        preprocess=MelPreprocess(),
        input=size,
        **facts,
    )


def test_data_as_they_should_be_need_no_word() -> None:
    assert data_lines(sounds(), "made") == []


def test_what_is_left_out_is_counted_and_the_first_named() -> None:
    left_out = tuple(f"train/{number}.flac: empty" for number in range(7))
    assert data_lines(sounds(unreadable=left_out), "made") == [
        "  7 files or rows can't be used and are left out:",
        *(f"    {line}" for line in left_out[:5]),
        "    ...",
    ]
    assert data_lines(sounds(unreadable=left_out[:5]), "made") == [
        "  5 files or rows can't be used and are left out:",
        *(f"    {line}" for line in left_out[:5]),
    ]


def test_notes_are_told_apart_from_what_is_left_out() -> None:
    notes = ("12 files of sound that no table labels are ignored", "2 events are cut")
    assert data_lines(sounds(notes=notes), "made") == [f"  {note}" for note in notes]

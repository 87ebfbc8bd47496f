"""What is said of data before a network learns from them."""

from nas.data.audio.dataset import AudioData
from nas.data.audio.preprocess import MelPreprocess
from nas.report.lines import data_lines
from nas.spec.definition import InputSpec
from nas.tasks.sed.data import SedData


def sounds(**facts: object) -> SedData:
    audio = AudioData(None, None, None, ("wren",), "forest", 0.016, **facts)
    return SedData(audio, MelPreprocess(), InputSpec(channels=1, height=64, width=128))


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


def test_what_is_ignored_or_cut_is_told_apart_from_what_is_left_out() -> None:
    cut = ("train_tp.csv:7: ends at 61 s, but a at 60.00 s", "train_tp.csv:9: ends at 2 s, ...")
    assert data_lines(sounds(cut=cut, ignored_files=12), "made") == [
        "  12 files of sound that no table labels are ignored",
        f"  2 events end after their recordings and are cut there, first {cut[0]}",
    ]

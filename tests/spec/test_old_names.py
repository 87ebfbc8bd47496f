"""Each name of an earlier version is read once, with a note; never beside its new one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.spec import old_names
from nas.spec.architecture import parse_architecture
from nas.spec.load import parse_document
from nas.spec.old_names import OLD_NAMES, with_current_names
from nas.spec.space import parse_space
from nas.spec.training import load_training

NETWORK = """
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2, activation: ReLU}
  - {block: GlobalAvgPool}
"""


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been noted yet."""
    monkeypatch.setattr(old_names, "_noted", set())


@pytest.fixture
def training(tmp_path: Path) -> Callable[[str], object]:
    def read(text: str) -> dict[str, object]:
        file = tmp_path / "tiny.yaml"
        file.write_text(text)
        return load_training(file).model_dump()

    return read


SETTINGS = [
    ("augment: {{{}: true}}", "turn_180", "rotate_180"),
    ("loss: {{kind: dense_boxes, {}: 2.5}}", "centre_radius", "center_sampling_radius"),
    ("{}: {{threshold: 0.8}}", "relabel", "pseudo_labelling"),
    ("pseudo_labelling: {{{}: 4}}", "cycles", "rounds"),
]


@pytest.mark.parametrize(("text", "old", "new"), SETTINGS)
@pytest.mark.parametrize("nested", [False, True])
def test_settings_read_as_under_the_new_name(
    training: Callable[[str], object],
    text: str,
    old: str,
    new: str,
    nested: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def written(name: str) -> str:
        line = text.format(name)
        return f"# settings\ntraining:\n  {line}\n" if nested else f"# settings\n\n{line}\n"

    expected = training(written(new))
    assert capsys.readouterr().err == ""
    assert training(written(old)) == expected
    assert capsys.readouterr().err == (
        f"note: {tmp_path}/tiny.yaml:3 {old} is now {new}; the old name is read until version 0.3\n"
    )
    training(written(old))
    assert capsys.readouterr().err == ""  # once in a process


@pytest.mark.parametrize(
    "text",
    [
        "augment: {rotate_180: true, turn_180: false}",
        "augment:\n  turn_180: false\n  rotate_180: true",
    ],
)
def test_both_names_are_refused(training: Callable[[str], object], text: str) -> None:
    with pytest.raises(NasError) as error:
        training(text)
    assert "turn_180 is the old name of rotate_180, which is given too" in str(error.value)
    line = 1 if "{" in text else 3
    assert f"tiny.yaml:{line} augment." in str(error.value)


def test_a_wrong_value_is_told_at_its_line(training: Callable[[str], object]) -> None:
    with pytest.raises(NasError, match=r"tiny\.yaml:3 pseudo_labelling\.rounds: 0 is not allowed"):
        training("epochs: 2\nrelabel:\n  cycles: 0\n")


def test_a_space_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    space = parse_space(f"{NETWORK}training: {{augment: {{turn_180: true}}}}\n")
    assert space.training.augment is not None
    assert space.training.augment.model_dump()["rotate_180"] is True
    assert "turn_180 is now rotate_180" in capsys.readouterr().err


def test_a_provenance_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{NETWORK}provenance: {{made_digest: 12ab, training: {{relabel: null}}}}\n"
    found = parse_architecture(text)
    assert found.provenance.split_digest == "12ab"
    assert found.provenance.training == {"pseudo_labelling": None}
    assert "made_digest is now split_digest" in capsys.readouterr().err


def test_the_same_word_elsewhere_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A class may be called anything: thresholds are keyed by classes."""
    text = "relabel: 0.5\nrounds: {cycles: 3, turn_180: 4}\n"
    data = parse_document(text, Path("thresholds.yaml")).data
    assert data == {"relabel": 0.5, "rounds": {"cycles": 3, "turn_180": 4}}
    assert capsys.readouterr().err == ""


def test_plain_values_are_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"classes": ["a"], "made_digest": "12ab"}
    expected = {"classes": ["a"], "split_digest": "12ab"}
    assert with_current_names(values, "provenance", "study.log") == expected
    assert "note: study.log made_digest is now split_digest" in capsys.readouterr().err
    with pytest.raises(NasError, match=r"study\.log made_digest: made_digest is the old name of"):
        with_current_names(values | expected, "provenance", "study.log")


def test_the_settings_above_are_all_there_are() -> None:
    tested = {old for _, old, _ in SETTINGS} | {"made_digest"}
    assert {old for _, old in OLD_NAMES} == tested

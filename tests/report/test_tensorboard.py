import subprocess
import sys
from pathlib import Path

import pytest

from nas.report.tensorboard import CurveWriter, TrialBoard

YAML = "name: tiny-t41\nlayers:\n  - {block: Conv, out: 8}\n"


def test_curves_are_what_tensorboard_reads_back(tmp_path: Path) -> None:
    with TrialBoard(tmp_path).trial(41, YAML) as curves:
        curves.epoch(1, "macro_f1", 0.25, train_loss=2.5, learning_rate=0.1)
        curves.epoch(2, "macro_f1", 0.5, train_loss=1.5, learning_rate=0.2)
        curves.result({"macs": 1_862_490}, "macro_f1", 0.5)

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "trial-0041"))
    events.Reload()
    tags = events.Tags()
    assert sorted(tags["scalars"]) == [
        "learning_rate",
        "loss/train",
        "macro_f1/validation",
        "result/macro_f1",
        "result/macs",
    ]
    curve = [(event.step, event.value) for event in events.Scalars("macro_f1/validation")]
    assert curve == [(1, 0.25), (2, 0.5)]
    assert events.Scalars("result/macs")[0].value == pytest.approx(1_862_490)
    (text,) = events.Tensors("architecture")
    assert text.tensor_proto.string_val[0].decode() == "".join(
        f"    {line}\n" for line in YAML.splitlines()
    ).rstrip("\n")
    plugin = events.SummaryMetadata("architecture").plugin_data.plugin_name
    assert plugin == "text"


def test_curves_are_on_disk_before_they_are_closed(tmp_path: Path) -> None:
    curves = TrialBoard(tmp_path).trial(0, YAML)
    (file,) = (tmp_path / "trial-0000").iterdir()
    before = file.stat().st_size
    curves.epoch(1, "macro_f1", 0.5, train_loss=1.0, learning_rate=0.1)
    assert file.stat().st_size > before
    curves.close()


def test_two_writers_of_one_trial_do_not_share_a_file(tmp_path: Path) -> None:
    board = TrialBoard(tmp_path)
    board.trial(0, YAML).close()
    board.trial(0, YAML).close()
    assert len(list((tmp_path / "trial-0000").iterdir())) == 2


def test_importing_the_reports_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from nas.report import evaluation, front_plot, history_plot, html, progress, tables\n"
        "from nas.report import tensorboard as board\n"
        "heavy = {'matplotlib', 'rich', 'jinja2', 'tensorboard', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_curves_that_can_not_be_written_end_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk, and a file where the folder should be."""
    with CurveWriter(tmp_path / "run") as curves:
        curves._records._writer.close()
        curves._records._writer = open("/dev/full", "wb")  # noqa: SIM115
        curves.scalars(1, {"a": 1.0})
        curves.scalars(2, {"a": 2.0})
    assert [text.partition(": ")[2] for text in caplog.messages] == [
        "no more curves are written: No space left on device"
    ]
    caplog.clear()
    (tmp_path / "file").touch()
    with CurveWriter(tmp_path / "file" / "below") as curves:
        curves.scalars(1, {"a": 1.0})
    assert len(caplog.messages) == 1

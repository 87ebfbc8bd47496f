"""TensorBoard curves: one run folder a trial, through tensorboard's own record writer.

torch's SummaryWriter writes the same files, but imports TensorFlow where it is installed, and
starts a thread in every worker.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nas.report.figure import only_drawn

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary


log = logging.getLogger(__name__)


class CurveWriter:
    """Scalars and texts of one training run, on disk after each call.

    Where they can't be written, a warning is logged once, and nothing more is.
    """

    def __init__(self, folder: Path) -> None:
        """Start a new event file in `folder`, which is made."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        # The name that tensorboard looks for; nanoseconds keep apart two writers of one process.
        name = f"events.out.tfevents.{time.time():.9f}.{socket.gethostname()}.{os.getpid()}"
        self._file = folder / name
        self._records: Any = None
        with only_drawn(self._file):
            folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter(self._file.open("wb"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values at `step` (an epoch from 1) under their tags, e.g. `loss/train`."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        rows = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._write_summary(Summary(value=rows), step)

    def epoch(
        self, epoch: int, metric: str, validation: float, *, train_loss: float, learning_rate: float
    ) -> None:
        """One epoch's validation metric, mean training loss and last rate; epochs count from 1."""
        self.scalars(
            epoch,
            {
                "loss/train": train_loss,
                f"{metric}/validation": validation,
                "learning_rate": learning_rate,
            },
        )

    def result(self, costs: Mapping[str, float], metric: str, value: float) -> None:
        """Final metric and costs of the run; costs by name."""
        self._result(costs, metric, value)

    def stopped(self, costs: Mapping[str, float], metric: str, predicted: float) -> None:
        """Predicted metric of a run that was stopped early."""
        self._result(costs, f"predicted_{metric}", predicted)

    def _result(self, costs: Mapping[str, float], name: str, value: float) -> None:
        self.scalars(0, {f"result/{key}": given for key, given in {**costs, name: value}.items()})

    def text(self, tag: str, text: str) -> None:
        """Write a text that is shown as it stands, as a Markdown code block."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto

        block = "\n".join("    " + line for line in text.splitlines())
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        value = Summary.Value(
            tag=tag,
            metadata=SummaryMetadata(plugin_data=plugin),
            tensor=TensorProto(
                dtype="DT_STRING", string_val=[block.encode("utf-8", errors="replace")]
            ),
        )
        self._write_summary(Summary(value=[value]), 0)

    def close(self) -> None:
        """Nothing can be written any more."""
        if self._records is not None:
            with only_drawn(self._file):
                self._records.close()

    def _write_summary(self, summary: "Summary", step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Any) -> None:
        if self._records is None:
            return
        try:
            self._records.write(event.SerializeToString())
            self._records.flush()
        except OSError as error:  # what a person looks at, no result: it ends, the run goes on
            log.warning("%s: no more curves are written: %s", self._file, error.strerror)
            with suppress(OSError):
                self._records.close()
            self._records = None


class TrialBoard:
    """The TensorBoard folder of a search, with a run for each trial: `FOLDER/trial-0041/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def trial(self, number: int, architecture_yaml: str) -> CurveWriter:
        """A writer for the curves of one trial, its architecture already written; to be closed."""
        return self._begin(f"trial-{number:04d}", architecture_yaml)

    def final(self, number: int, seed: int, architecture_yaml: str) -> CurveWriter:
        """The same for a trial's network when it is trained again with another seed."""
        return self._begin(f"finalist-{number:04d}-seed-{seed}", architecture_yaml)

    def _begin(self, name: str, architecture_yaml: str) -> CurveWriter:
        curves = CurveWriter(self._folder / name)
        curves.text("architecture", architecture_yaml)
        return curves

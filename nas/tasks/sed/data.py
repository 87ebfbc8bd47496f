"""The data of sound event detection, with what turns them into a network's inputs."""

from dataclasses import dataclass

from nas.data.recordings import AudioData
from nas.data.split_names import Split
from nas.spec.definition import InputSpec
from nas.spec.preprocess import MelPreprocess
from nas.tasks.base import Thresholds


@dataclass(frozen=True, eq=False)
class SedData:
    """Spectrograms of recordings with their labels, the windows' shape, the normalisation."""

    audio: AudioData
    preprocess: MelPreprocess
    input: InputSpec
    """Height: mel bands; width: frames of a window."""
    thresholds: Thresholds | None = None
    """Chosen before, on other recordings; None lets a measurement choose the best."""

    @property
    def classes(self) -> tuple[str, ...]:
        return self.audio.classes

    @property
    def source(self) -> str:
        return self.audio.source

    @property
    def made_splits(self) -> tuple[Split, ...]:
        return self.audio.made_splits

    @property
    def made_digest(self) -> str:
        return self.audio.made_digest

    @property
    def unreadable(self) -> tuple[str, ...]:
        return self.audio.unreadable

    @property
    def notes(self) -> tuple[str, ...]:
        """Files that nothing is known of, and events that last longer than their recordings."""
        audio = self.audio
        lines = []
        if audio.ignored_files:
            lines.append(f"{audio.ignored_files} files of sound that no table labels are ignored")
        if audio.cut:
            lines.append(
                f"{len(audio.cut)} events end after their recordings and are cut there, "
                f"first {audio.cut[0]}"
            )
        return tuple(lines)

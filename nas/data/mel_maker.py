"""From a file, a recording or a ready-made spectrogram, to what the cache keeps of it."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

from nas.data.audio import AUDIO_VERSION, UnreadableAudio, read_audio
from nas.data.mel import MEL_VERSION, LogMel
from nas.data.mel_file import StoredMel
from nas.data.ready_mel import READY_SUFFIX, read_ready_mel
from nas.spec.preprocess import MelPreprocess


class MelMaker:
    """Makes spectrograms of one setting; may be called from several threads."""

    def __init__(self, preprocess: MelPreprocess, bands: int) -> None:
        """Raises NasError for settings that make no spectrogram."""
        self._bands = bands
        self._preprocess = preprocess
        self._log_mel = LogMel(preprocess, bands)

    def __call__(self, path: Path) -> StoredMel:
        """Log-mel in dB, float16 (bands, frames): right to 0.035 dB. Raises UnreadableAudio."""
        if _is_ready(path):
            mel = read_ready_mel(path, self._bands)
        else:
            mel = self._log_mel(read_audio(path, self._preprocess.sample_rate_hz))
        with np.errstate(over="ignore"):
            stored = mel.astype(np.float16)
        if not np.isfinite(stored).all():
            raise UnreadableAudio("holds values beyond all sound, or that are no numbers")
        stored.flags.writeable = False  # as what comes from the cache
        return stored

    def key(self, path: Path) -> dict[str, object]:
        """All that the spectrogram depends on beside the file's content."""
        if _is_ready(path):
            return {"ready": MEL_VERSION, "bands": self._bands}
        settings = self._preprocess.model_dump(
            include={"sample_rate_hz", "fft_samples", "hop_samples", "low_hz"}
        )
        return {
            "audio": AUDIO_VERSION,
            "mel": MEL_VERSION,
            "libsndfile": soundfile.__libsndfile_version__,
            "soxr": soxr.__version__,
            "bands": self._bands,
            "high_hz": self._preprocess.top_hz,
            **settings,
        }


def _is_ready(path: Path) -> bool:
    return path.suffix.lower() == READY_SUFFIX

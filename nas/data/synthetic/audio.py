"""Synthetic recordings: calls in wind with RFCX's tables; the built-in set."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from nas.data.cache import made_folder
from nas.data.table import write_table

Call = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
"""From times in seconds, 0 at the call's start, to samples of amplitude about 1."""


def rising(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A whistle that climbs from about 1.5 to 3.5 kHz."""
    low, high = generator.uniform(1_300, 1_700), generator.uniform(3_200, 3_800)
    return _sweep(time_s, low, high)


def falling(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A whistle that falls from about 3.5 to 1.5 kHz."""
    low, high = generator.uniform(1_300, 1_700), generator.uniform(3_200, 3_800)
    return _sweep(time_s, high, low)


def trill(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """A tone of about 2.5 kHz, cut into some 14 pulses a second."""
    tone = np.sin(2 * np.pi * generator.uniform(2_200, 2_800) * time_s)
    pulses = np.sin(2 * np.pi * generator.uniform(6, 8) * time_s) ** 4
    return np.asarray(tone * pulses)


def two_tone(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Two tones in turn, about 1.6 and 2.4 kHz."""
    high_now = np.sin(2 * np.pi * generator.uniform(2, 3) * time_s) > 0
    pitch_hz = np.where(high_now, 2_400.0, 1_600.0) * generator.uniform(0.92, 1.08)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch_hz) * (time_s[1] - time_s[0])))


def growl(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Many harmonics of about 220 Hz."""
    pitch_hz = generator.uniform(190, 250)
    harmonics = np.arange(1, 11)
    waves = np.sin(2 * np.pi * pitch_hz * harmonics[:, None] * time_s) / np.sqrt(harmonics[:, None])
    return np.asarray(waves.sum(axis=0) / 2)


def rattle(time_s: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Clicks of noise, some 9 a second."""
    clicks = np.exp(-((time_s * generator.uniform(8, 10)) % 1.0) * 12)
    return np.asarray(generator.standard_normal(len(time_s)) * clicks * 1.5)


CALLS: dict[str, Call] = {
    "rising": rising,
    "falling": falling,
    "trill": trill,
    "two_tone": two_tone,
    "growl": growl,
    "rattle": rattle,
}
"""Every kind, under the name of its class."""


def wind(samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Noise of standard deviation 1 whose power falls with the frequency, as 1/f."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), samples / 400))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / noise.std())


def _sweep(time_s: NDArray[np.float64], start_hz: float, end_hz: float) -> NDArray[np.float64]:
    slope = (end_hz - start_hz) / time_s[-1]
    return np.asarray(np.sin(2 * np.pi * (start_hz * time_s + slope * time_s**2 / 2)))


BUILT_IN_AUDIO_SOURCE = "generated calls in wind"
GENERATED_VERSION = 1
"""Raised whenever the same settings give other recordings."""

_EVENT_COLUMNS = (
    "recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max",
)  # fmt: skip
_WIND = 0.05
"""Standard deviation of the wind's samples."""
_GAP_S = 0.1
"""Between neighbouring calls, and before the first and after the last."""


@dataclass(frozen=True)
class GeneratedAudio:
    """What is generated; the same settings give the same recordings."""

    train_recordings: int = 48
    test_recordings: int = 16
    duration_s: float = 15.0
    sample_rate_hz: int = 16_000
    classes: int = 6
    """The first so many of `CALLS`."""
    longest_call_s: float = 2.0
    """The shortest lasts a third of it."""
    quietest_db: float = -18.0
    """A call's power over the wind's, at least."""
    loudest_db: float = 3.0
    """The same, at most."""
    seed: int = 0

    def __post_init__(self) -> None:
        slot_s = self.longest_call_s + _GAP_S
        if not 1 <= self.classes <= len(CALLS) or self.duration_s < 2 * slot_s:
            raise ValueError(f"{self}: 1 to {len(CALLS)} classes, two of the longest calls each")


Event = tuple[int, float, float]
"""Class, start and end in seconds."""


def write_recordings(folder: Path, settings: GeneratedAudio) -> None:
    """Write `train/*.flac`, `test/*.flac` and the tables `train_tp.csv`, `train_fp.csv`,
    `species.csv`, `test_events.csv` and `test_labels.csv` into `folder`.

    Every call is in the table of true positives; for each there is a false positive of the same
    length, of a class that is not in that recording, half of them on another class's call.
    """
    names = list(CALLS)[: settings.classes]
    write_table(folder / "species.csv", ("species_id", "name"), enumerate(names))
    train = _write_split(folder, "train", settings.train_recordings, settings)
    _write_events(folder / "train_tp.csv", train)
    absent = {name: _absent(events, settings, name) for name, events in train.items()}
    _write_events(folder / "train_fp.csv", absent)
    test = _write_split(folder, "test", settings.test_recordings, settings)
    _write_events(folder / "test_events.csv", test)
    _write_labels(folder / "test_labels.csv", test, settings.classes)


def _write_split(
    folder: Path, split: str, count: int, settings: GeneratedAudio
) -> dict[str, list[Event]]:
    """Write `count` recordings; the events of each by its id."""
    (folder / split).mkdir(parents=True, exist_ok=True)
    made: dict[str, list[Event]] = {}
    for number in range(count):
        generator = np.random.default_rng([settings.seed, split == "test", number])
        name = f"{split}{number:04d}"
        made[name] = _draw_events(settings, number, generator)
        sound = _sound(made[name], settings, generator)
        # 16 bits, as field recorders write.
        path = folder / split / f"{name}.flac"
        soundfile.write(path, sound, settings.sample_rate_hz, subtype="PCM_16")
    return made


def built_in_recordings(cache_dir: Path | None) -> AbstractContextManager[Path]:
    """The folder of the built-in set: 48 + 16 recordings of 15 s, 6 kinds of call.

    Written into the cache once; where that can't be, into a folder that is removed afterwards.
    """
    settings = GeneratedAudio()
    made_by = (GENERATED_VERSION, soundfile.__libsndfile_version__, astuple(settings))
    return made_folder(
        cache_dir, "audio", made_by, lambda folder: write_recordings(folder, settings)
    )


def _draw_events(
    settings: GeneratedAudio, number: int, generator: np.random.Generator
) -> list[Event]:
    """One to three calls that don't overlap; the first kind goes round with the recordings."""
    slot_s = settings.longest_call_s + _GAP_S
    room = min(int(settings.duration_s / slot_s), 3)
    count = int(generator.integers(1, room + 1))
    kinds = generator.integers(settings.classes, size=count)
    kinds[0] = number % settings.classes
    # Each call in a stretch of its own, so that none overlap.
    stretch_s = settings.duration_s / count
    events: list[Event] = []
    for position, kind in enumerate(generator.permutation(kinds)):
        length_s = settings.longest_call_s * generator.uniform(1 / 3, 1)
        start_s = position * stretch_s + generator.uniform(_GAP_S / 2, stretch_s - length_s)
        events.append((int(kind), float(start_s), float(start_s + length_s)))
    return events


def _sound(
    events: Sequence[Event], settings: GeneratedAudio, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Wind with the calls in it, samples within -1 and 1."""
    rate_hz = settings.sample_rate_hz
    sound = wind(round(settings.duration_s * rate_hz), generator) * _WIND
    calls = list(CALLS.values())
    for kind, start_s, end_s in events:
        first, end = round(start_s * rate_hz), round(end_s * rate_hz)
        time_s = np.arange(end - first) / rate_hz
        call = calls[kind](time_s, generator)
        # 20 ms in and out, as a click would tell every call alike.
        call = call * np.clip(np.minimum(time_s, time_s[-1] - time_s) / 0.02, 0, 1)
        level_db = generator.uniform(settings.quietest_db, settings.loudest_db)
        gain = _WIND * 10 ** (level_db / 20) / call.std()
        sound[first:end] += gain * call[: len(sound) - first]
    return np.clip(sound, -1, 1)


def _absent(events: Sequence[Event], settings: GeneratedAudio, name: str) -> list[Event]:
    """For each call a stretch of its length with a class that the recording does not hold."""
    generator = np.random.default_rng([settings.seed, *name.encode()])
    silent = sorted(set(range(settings.classes)) - {kind for kind, _, _ in events})
    if not silent:
        return []
    absent: list[Event] = []
    for position, (_, start_s, end_s) in enumerate(events):
        if position % 2:
            length_s = end_s - start_s
            start_s = float(generator.uniform(0, settings.duration_s - length_s))
            end_s = start_s + length_s
        absent.append((int(generator.choice(silent)), start_s, end_s))
    return absent


def _write_events(table: Path, events: dict[str, list[Event]]) -> None:
    rows = (
        (name, kind, 1, f"{start_s:.4f}", 50, f"{end_s:.4f}", 8_000)
        for name, members in events.items()
        for kind, start_s, end_s in members
    )
    write_table(table, _EVENT_COLUMNS, rows)


def _write_labels(table: Path, events: dict[str, list[Event]], classes: int) -> None:
    columns = ("recording_id", *(f"s{number}" for number in range(classes)))
    rows = (
        (name, *(int(any(kind == number for kind, _, _ in members)) for number in range(classes)))
        for name, members in events.items()
    )
    write_table(table, columns, rows)

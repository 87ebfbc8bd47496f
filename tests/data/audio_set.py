"""Writes small data sets of recordings in RFCX's layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from nas.data.audio.preprocess import MelPreprocess

RATE_HZ = 8_000
BANDS = 16
PREPROCESS = MelPreprocess(
    sample_rate_hz=RATE_HZ, fft_samples=512, hop_samples=200, low_hz=50.0, overlap_frames=4
)
"""Frames of 25 ms: a second is 41 of them."""

Row = tuple[str, int, float, float]
"""Recording, species, start and end in seconds."""


def write_noise(path: Path, duration_s: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([*path.name.encode()])
    sound = generator.uniform(-0.5, 0.5, round(duration_s * RATE_HZ))
    soundfile.write(path, sound, RATE_HZ)


def write_events(path: Path, rows: Iterable[Row]) -> None:
    lines = ["recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max"]
    lines += [f"{name},{species},1,{start},50,{end},4000" for name, species, start, end in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_set(root: Path, rows_tp: Iterable[Row], rows_fp: Iterable[Row] | None = ()) -> None:
    """`train/*.flac` of a second each, for every recording that a row names, and the tables."""
    tables = {"train_tp.csv": list(rows_tp)}
    if rows_fp is not None:
        tables["train_fp.csv"] = list(rows_fp)
    for name, rows in tables.items():
        for recording in {row[0] for row in rows}:
            write_noise(root / "train" / f"{recording}.flac")
        write_events(root / name, rows)

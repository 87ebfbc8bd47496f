"""Synthetic chest radiographs: lungs, ribs, heart, noise, and opacities with known boxes.

Coordinates: u from -1 (left edge of the picture) to 1, v from 0 (top) to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nas.data.boxes import Box, Size

Plane = NDArray[np.float64]
"""Values of a picture (H, W)."""

_EDGE = 0.35
"""Share of its greatest density down to which an opacity counts."""


@dataclass(frozen=True)
class Anatomy:
    """One patient's chest."""

    lung_width: float
    """Half the width of a lung, in u."""
    lung_gap: float
    """From the middle to a lung's centre line, in u."""
    apex: float
    """Height of the lungs' top, in v."""
    base: float
    """Height of the diaphragm on the right of the patient, in v."""
    heart: float
    """Radius of the heart, in u."""
    first_rib: float
    """Height of the first rib in the middle, in v."""
    rib_step: float
    """From rib to rib, in v."""


@dataclass(frozen=True)
class Blob:
    """One opacity."""

    side: int
    """-1 for the lung on the left of the picture, 1 for the other."""
    across: float
    """Centre's place across the lung, -1 to 1."""
    down: float
    """The same from its top to its bottom, 0 to 1."""
    radius: float
    """In u."""
    density: float
    """At its middle; 1 is as bright as soft tissue."""
    lumps: tuple[tuple[float, float, float], ...]
    """Of its uneven outline: right, down and radius, in radii."""


@dataclass(frozen=True)
class View:
    """Pose of the patient and exposure of one image."""

    shift_u: float
    shift_v: float
    turn: float
    """Slope."""
    noise: float


def draw_anatomy(generator: np.random.Generator) -> Anatomy:
    """A patient."""
    uniform = generator.uniform
    return Anatomy(
        uniform(0.33, 0.40),
        uniform(0.42, 0.47),
        uniform(0.08, 0.14),
        uniform(0.74, 0.84),
        uniform(0.26, 0.36),
        uniform(0.06, 0.10),
        uniform(0.085, 0.105),
    )


def draw_blobs(study_class: str, generator: np.random.Generator) -> tuple[Blob, ...]:
    """Opacities of a class: none, on both sides, on one side, or one that is small, dense and low.

    How dense they are varies more than the classes differ in it.
    """
    side = int(generator.choice((-1, 1)))
    if study_class == "negative":
        return ()
    if study_class == "atypical":
        return (_blob(side, (0.75, 0.9), (0.07, 0.10), (0.7, 1.0), generator),)
    sides = [side] if study_class == "indeterminate" else [side, -side]
    blobs = [_blob(each, (0.3, 0.8), (0.14, 0.24), (0.3, 0.8), generator) for each in sides]
    if study_class == "typical" and generator.random() < 0.25:
        blobs.append(_blob(side, (0.15, 0.25), (0.10, 0.14), (0.3, 0.8), generator))
    return tuple(blobs)


def draw_view(generator: np.random.Generator) -> View:
    """How one image is taken."""
    uniform = generator.uniform
    return View(
        uniform(-0.06, 0.06), uniform(-0.03, 0.03), uniform(-0.04, 0.04), uniform(0.012, 0.03)
    )


def radiograph(
    anatomy: Anatomy,
    blobs: Sequence[Blob],
    view: View,
    size: Size,
    generator: np.random.Generator,
) -> tuple[Plane, tuple[Box, ...]]:
    """Brightness of each pixel, 0 to 1, and the box of each blob in pixels."""
    height, width = size
    v_HW, u_HW = np.mgrid[0:height, 0:width].astype(np.float64)
    u_HW = (2 * u_HW + 1) / width - 1 - view.shift_u
    v_HW = (v_HW + 0.5) / height - view.shift_v + view.turn * u_HW
    lungs = {side: _lung(u_HW, v_HW, side, anatomy) for side in (-1, 1)}
    bright = _body(u_HW, v_HW, anatomy, lungs)
    bright += 0.035 * _texture(size, 2.5, generator) * (lungs[-1] + lungs[1])
    boxes = []
    for blob in blobs:
        opacity = _opacity(u_HW, v_HW, blob, anatomy) * lungs[blob.side]
        boxes.append(_box(opacity))
        bright += 0.42 * blob.density * opacity
    bright += view.noise * generator.standard_normal(size)
    return gaussian_filter(bright, 0.5).clip(0, 1), tuple(boxes)


def _blob(
    side: int,
    down: tuple[float, float],
    radius: tuple[float, float],
    density: tuple[float, float],
    generator: np.random.Generator,
) -> Blob:
    uniform = generator.uniform
    across = uniform(0.0, 0.6)  # rather towards the ribs than towards the heart
    lumps = tuple(
        (generator.normal(0, 0.35), generator.normal(0, 0.18), uniform(0.6, 0.9)) for _ in range(4)
    )
    return Blob(side, across, uniform(*down), uniform(*radius), uniform(*density), lumps)


def _lung(u_HW: Plane, v_HW: Plane, side: int, anatomy: Anatomy) -> Plane:
    """How much of each pixel is lung, 0 to 1: narrow at the top, cut by a domed diaphragm."""
    out_HW = side * u_HW - anatomy.lung_gap
    depth_HW = ((v_HW - anatomy.apex) / (anatomy.base - anatomy.apex)).clip(0, None)
    half_HW = anatomy.lung_width * (depth_HW + 1e-9) ** 0.38
    lean_HW = out_HW - 0.06 * (depth_HW - 0.5)
    # The liver lifts the diaphragm on the patient's right, which is the picture's left.
    floor = anatomy.base + (0.02 if side > 0 else -0.02)
    dome_HW = floor + 0.25 * lean_HW**2 + 0.10 * lean_HW
    inside = _soft(half_HW - np.abs(lean_HW), 0.025) * _soft(v_HW - anatomy.apex, 0.012)
    return inside * _soft(dome_HW - v_HW, 0.010)


def _body(u_HW: Plane, v_HW: Plane, anatomy: Anatomy, lungs: dict[int, Plane]) -> Plane:
    """Brightness without disease."""
    # Shoulders: above them, and beside the neck, there is air.
    outline_HW = 0.16 + 0.84 * (v_HW / 0.16).clip(0, 1) ** 0.6
    torso_HW = _soft(outline_HW - np.abs(u_HW), 0.03)
    bright = 0.62 * torso_HW * (1 - 0.25 * np.abs(u_HW) ** 3)
    spine = np.exp(-((u_HW / 0.10) ** 4))
    bright += 0.10 * spine * (0.8 + 0.2 * np.cos(2 * np.pi * v_HW / 0.075))
    belly = _soft(v_HW - anatomy.base - 0.02, 0.05)
    bright += 0.14 * belly * torso_HW
    air = lungs[-1] + lungs[1]
    low_HW = v_HW - anatomy.base
    # Its apex points down and to the patient's left.
    heart_HW = np.hypot(
        (u_HW - 0.16 - 0.8 * (low_HW + 0.12)) / anatomy.heart, (low_HW + 0.12) / 0.20
    )
    heart = _soft(1 - heart_HW, 0.06)
    vessels = np.exp(-(((np.abs(u_HW) - 0.20) / 0.10) ** 2) - ((v_HW - 0.44) / 0.10) ** 2)
    bright -= 0.40 * air * (1 - 0.85 * heart) * (1 - 0.45 * vessels)
    return bright + _bones(u_HW, v_HW, anatomy) * torso_HW * (1 - 0.7 * belly)


def _bones(u_HW: Plane, v_HW: Plane, anatomy: Anatomy) -> Plane:
    """Ribs, thin and bright at their edges, and the clavicles."""
    out_HW = np.abs(u_HW)
    cage = _soft(anatomy.lung_gap + 1.22 * anatomy.lung_width - out_HW, 0.02)
    bones = np.zeros_like(u_HW)
    for number in range(9):
        arch_HW = anatomy.first_rib + anatomy.rib_step * number + 0.20 * (out_HW - 0.30) ** 2
        slope_HW = 0.10 * out_HW * (0.4 + 0.09 * number)
        away_HW = ((v_HW - arch_HW - slope_HW) / 0.016) ** 2
        bones += 0.09 * np.exp(-(away_HW**2)) * (0.7 + 0.3 * away_HW)
    collar_HW = ((v_HW - 0.115 + 0.10 * (out_HW - 0.1)) / 0.014) ** 2
    return bones * cage + 0.10 * np.exp(-(collar_HW**2)) * _soft(out_HW - 0.12, 0.03)


def _opacity(u_HW: Plane, v_HW: Plane, blob: Blob, anatomy: Anatomy) -> Plane:
    """A soft patch of uneven outline, 0 to about 1."""
    centre_u = blob.side * (anatomy.lung_gap + 0.7 * anatomy.lung_width * blob.across)
    centre_v = anatomy.apex + (anatomy.base - anatomy.apex) * blob.down
    patch = np.zeros_like(u_HW)
    for right, down, radius in blob.lumps:
        away_HW = ((u_HW - centre_u) / blob.radius - right) ** 2
        away_HW += ((v_HW - centre_v) / (0.6 * blob.radius) - down) ** 2
        away_HW /= radius**2
        patch = np.maximum(patch, np.exp(-(away_HW * np.sqrt(away_HW))))
    return patch


def _box(opacity: Plane) -> Box:
    """Around where an opacity is dense enough to be seen."""
    seen = opacity > _EDGE * opacity.max()
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _texture(size: Size, scale: float, generator: np.random.Generator) -> Plane:
    """Smooth noise of standard deviation 1."""
    noise = gaussian_filter(generator.standard_normal(size), scale)
    return np.asarray(noise / noise.std())


def _soft(inside: Plane, edge: float) -> Plane:
    """0 where negative, 1 where positive, and between them an edge of some width."""
    return np.asarray(1 / (1 + np.exp(-(inside / edge).clip(-40, 40))))

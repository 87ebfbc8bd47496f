"""The same content in two splits, and nearly the same: what is learned would be tested on."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from nas.data.dataset import PreprocessT, SplitT, TaskData
from nas.data.decode import Pixels
from nas.data.files import first_of
from nas.data.splits import SPLITS, Split
from nas.errors import NasError

NEAR = 0.95
"""Cosine of two pictures' gradients from which they count as near-copies. On 2,553 trash photos 25
pairs have it: of these 24 are two shots of one scene, and from 0.94 down others come in."""

_CELLS = 10
"""A side of the grid whose cells' mean brightness is compared with their neighbours'."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue in grey (ITU-R 601): a grey copy is near too."""
_FAINT = 0.5
"""Mean difference of neighbouring cells, of 255, below which a picture shows nothing to compare."""
_MOST_PAIRS = 200_000_000
"""That are compared, of two splits: 20,000 pictures with 10,000. Beyond, a note says that equal
content alone is."""
_AT_ONCE = 512


@dataclass(frozen=True)
class Named:
    """The files of one split."""

    names: Sequence[str]
    contents: Iterable[NDArray[np.generic]]
    """What each was decoded to."""


def tell_copies(
    data: TaskData[SplitT, PreprocessT],
    parts: Mapping[Split, Named],
    *,
    strict: bool,
    pixels: Mapping[Split, Pixels] | None = None,
) -> TaskData[SplitT, PreprocessT]:
    """The data with a pair for each file whose content stands in an earlier split too, and notes.

    Of `pixels` near-copies are told too. Raises NasError for any of them where it is `strict`.
    """
    names = {split: parts[split].names for split in SPLITS if split in parts}
    same = same_content({split: _digests(parts[split]) for split in names})
    near: dict[str, str] = {}
    too_many: list[str] = []
    if pixels is not None:
        pairs, too_many = _to_compare(names)
        near = _near(pairs, names, pixels, same)
    told = [
        f"{len(pairs)} files {what} in another split{first_of(list(pairs.values()))}"
        for pairs, what in ((same, "stand"), (near, "have near-copies"))
        if pairs
    ]
    if strict and told:
        raise NasError("; ".join(told), file=data.source)
    copies = (*same.values(), *near.values())
    return replace(data, copies=copies, notes=(*data.notes, *told, *too_many))


def same_content(parts: Mapping[Split, Iterable[tuple[str, str]]]) -> dict[str, str]:
    """`FILE (SPLIT) = FILE (SPLIT)` by the name of each file, given with its digest, whose content
    stands in an earlier split too."""
    first: dict[str, tuple[str, Split]] = {}
    pairs: dict[str, str] = {}
    for split in SPLITS:
        for name, digest in parts.get(split, ()):
            other, place = first.setdefault(digest, (name, split))
            if place != split:
                pairs[name] = f"{name} ({split}) = {other} ({place})"
    return pairs


def _digests(part: Named) -> list[tuple[str, str]]:
    return [
        (name, _digest(content)) for name, content in zip(part.names, part.contents, strict=True)
    ]


def _digest(content: NDArray[np.generic]) -> str:
    digest = hashlib.blake2b(repr(content.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(content).data)
    return digest.hexdigest()


def _to_compare(
    names: Mapping[Split, Sequence[str]],
) -> tuple[list[tuple[Split, Split]], list[str]]:
    """Pairs of splits, the later one first, and a note for each that is too large."""
    compared: list[tuple[Split, Split]] = []
    notes = []
    for earlier, split in combinations(names, 2):
        pairs = len(names[split]) * len(names[earlier])
        if pairs <= _MOST_PAIRS:
            compared.append((split, earlier))
        else:
            notes.append(
                f"near-copies between {earlier} and {split} are not looked for: {pairs:,} pairs of "
                f"pictures, more than {_MOST_PAIRS:,}; equal ones are told all the same"
            )
    return compared, notes


def _near(
    compared: Sequence[tuple[Split, Split]],
    names: Mapping[Split, Sequence[str]],
    pixels: Mapping[Split, Pixels],
    same: Mapping[str, str],
) -> dict[str, str]:
    """As `same_content`, with ` ~ `, of the files that aren't among the same ones."""
    found: dict[str, tuple[float, str]] = {}
    for split, earlier in compared:
        for here, there, likeness in near_pairs(pixels[split], pixels[earlier]):
            name, other = names[split][here], names[earlier][there]
            if name not in same and likeness > found.get(name, (0.0, ""))[0]:
                found[name] = likeness, f"{name} ({split}) ~ {other} ({earlier})"
    return {name: pair for name, (_, pair) in found.items()}


def near_pairs(first: Pixels, second: Pixels) -> list[tuple[int, int, float]]:
    """Place of each picture that has a near-copy in the other set, that one's place, and the cosine
    of their gradients."""
    gradients_ND = _gradients(first)
    best = torch.zeros(len(first))
    partner = torch.zeros(len(first), dtype=torch.int64)
    for start in range(0, len(second), _AT_ONCE):
        others_MD = _gradients(second[start : start + _AT_ONCE])
        for row in range(0, len(first), _AT_ONCE):
            likeness, place = (gradients_ND[row : row + _AT_ONCE] @ others_MD.T).max(dim=1)
            better = likeness > best[row : row + _AT_ONCE]
            best[row : row + _AT_ONCE][better] = likeness[better]
            partner[row : row + _AT_ONCE][better] = place[better] + start
    near = torch.nonzero(best >= NEAR).flatten().tolist()
    return [(place, int(partner[place]), float(best[place])) for place in near]


def _gradients(pixels: Pixels) -> Tensor:
    """How the mean brightness of each cell differs from that of the next, of length 1, (N, D).

    As the perceptual hash dHash, which keeps the signs only: on plain surfaces those are noise.
    """
    parts = []
    for start in range(0, len(pixels), _AT_ONCE):
        part = np.asarray(pixels[start : start + _AT_ONCE], np.float32)
        grey_N1HW = torch.from_numpy(part @ _LUMA if part.shape[-1] == 3 else part[..., 0])[:, None]
        across = adaptive_avg_pool2d(grey_N1HW, (_CELLS, _CELLS + 1)).diff(dim=3).flatten(1)
        down = adaptive_avg_pool2d(grey_N1HW, (_CELLS + 1, _CELLS)).diff(dim=2).flatten(1)
        gradients_ND = torch.cat([across, down], dim=1)
        seen_N1 = gradients_ND.abs().mean(dim=1, keepdim=True) >= _FAINT
        parts.append(torch.nn.functional.normalize(gradients_ND) * seen_N1)
    return torch.cat(parts) if parts else torch.zeros(0, 1)

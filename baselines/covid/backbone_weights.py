"""A classifier's weights as the beginning of a detector's backbone."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from baselines.covid.folds import fold_folder
from nas.errors import NasError
from nas.spec.definition import ArchitectureSpec
from nas.tasks.registry import task_named
from nas.train.source import same_data, split_seed_of
from nas.train.trained import WEIGHTS_FILE

KEY = "--backbone-from"


def backbone_run(given: Path, fold: int) -> Path:
    """The run that `given` holds for a fold: itself, or of a classifier's folds that fold's last.

    Raises NasError for folds of a classifier without this one.
    """
    run = given
    if any(given.glob("fold-*")):
        run = fold_folder(given, fold)
        if not run.is_dir():
            raise NasError(f"holds folds of a classifier, but not fold {fold}", file=given, key=KEY)
    last = run / "step-3"
    return last if last.is_dir() else run


def refuse_leak(
    run: Path,
    detector: ArchitectureSpec,
    source: Path | None,
    groups: Path | None,
    *,
    several: bool,
) -> None:
    """Raise NasError for a run that learned from images of the detector's other splits.

    One on other data may have any splits. `several` says that the detector is trained on folds.
    """
    classifier = _architecture(run)
    if not _on_same_data(classifier, detector, source):
        return
    there, here = split_seed_of(classifier), split_seed_of(detector)
    if there != here:
        hint = (
            ": a single run serves one fold, so give the folder of its folds (OUT of "
            "`nas baseline covid-study --folds`)"
            if several
            else f": give one of fold {here}"
        )
        raise NasError(
            f"was trained on the splits of fold {there}, so it has learned from images that fold "
            f"{here} tests{hint}",
            file=run,
            key=KEY,
        )
    before = classifier.provenance.get("groups")
    if before != (None if groups is None else str(groups)):
        raise NasError(
            f"was split by other groups ({before or 'none'}), so it may have learned from images "
            f"that are tested here (groups: {groups or 'none'})",
            file=run,
            key=KEY,
        )


def _architecture(run: Path) -> ArchitectureSpec:
    from nas.spec.architecture import load_architecture
    from nas.train.trained import ARCHITECTURE_FILE

    file = run / ARCHITECTURE_FILE
    if not file.exists():
        raise NasError(
            f"no {ARCHITECTURE_FILE} in it, so nobody knows what it has learned from; give a "
            "folder that `nas train` or a baseline wrote",
            file=run,
            key=KEY,
        )
    return load_architecture(file)


def _on_same_data(
    classifier: ArchitectureSpec, detector: ArchitectureSpec, source: Path | None
) -> bool:
    """Whether both learn from one set; the built-in ones of two tasks may be two."""
    sets = {task_named(item.task).built_in_source for item in (classifier, detector)}
    return same_data(classifier, source) and (source is not None or len(sets) == 1)


PREFIXES = ("", "features.")
"""Before the names of a classifier's features: none of timm and of ResNets, else torchvision's."""


def load_backbone(network: nn.Module, run: Path) -> int:
    """Fill the backbone of a detector in place from a finished run; how many tensors were taken.

    Raises NasError for a run whose network is another, and for a detector without a backbone.
    """
    backbone = getattr(network, "backbone", None)
    if not isinstance(backbone, nn.Module):
        raise NasError(f"a {type(network).__name__} has no backbone to fill", key="--backbone-from")
    given = _state(run)
    own = backbone.state_dict()
    prefix = max(PREFIXES, key=lambda text: len(_fitting(own, given, text)))
    found = _fitting(own, given, prefix)
    foreign = [name for name in own if name not in found] or _more(own, given, prefix)
    if foreign:
        raise NasError(
            f"the network there is another: {len(foreign)} tensors are in one of the two only, or "
            f"have other shapes, first {foreign[0]!r}",
            file=run,
            key="--backbone-from",
        )
    with torch.no_grad():
        backbone.load_state_dict(found)
    return len(found)


def _state(run: Path) -> dict[str, Tensor]:
    try:
        return load_file(run / WEIGHTS_FILE)
    except FileNotFoundError:
        raise NasError("no weights in it; is the run finished?", file=run) from None
    except (OSError, SafetensorError) as error:
        raise NasError(f"damaged weights: {error}", file=run / WEIGHTS_FILE) from error


def _fitting(own: dict[str, Tensor], given: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name: given[prefix + name]
        for name, value in own.items()
        if prefix + name in given and given[prefix + name].shape == value.shape
    }


def _more(own: dict[str, Tensor], given: dict[str, Tensor], prefix: str) -> list[str]:
    """What a deeper network of the same family has in the parts that the backbone has too."""
    parts = {name.partition(".")[0] for name in own}
    names = [name.removeprefix(prefix) for name in given if name.startswith(prefix)]
    return [name for name in names if name.partition(".")[0] in parts and name not in own]

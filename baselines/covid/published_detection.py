"""What the diary published of its detectors, on folds of its own of Kaggle's 6,334 images."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedDetection:
    """One version of the diary's detector."""

    version: str
    model: str
    """Where the diary says it; from version 28 on it does not."""
    setting: str
    opacity_map: float | None = None
    """PASCAL VOC 2010 AP at IoU 0.5 of `opacity`."""
    train_loss: float | None = None


PUBLISHED_DETECTIONS = (
    PublishedDetection("002-ver04", "efficientdet_d0", "256 px, batch 64", train_loss=8.6876),
    PublishedDetection("002-ver05", "efficientdet_d1", "256 px, batch 64", train_loss=5.8122),
    PublishedDetection("002-ver07", "efficientdet_d2", "256 px, batch 64", train_loss=4.8656),
    PublishedDetection("002-ver08", "efficientdet_d3", "256 px, batch 32", train_loss=1.3821),
    PublishedDetection("002-ver15", "efficientdet_d3", "384 px", train_loss=1.1301),
    PublishedDetection("002-ver16", "efficientdet_d3", "512 px", train_loss=0.9952),
    PublishedDetection("002-ver09", "efficientdet_d4", "256 px, batch 32", train_loss=1.2380),
    PublishedDetection("002-ver10", "efficientdet_d5", "256 px, batch 24", train_loss=1.1016),
    PublishedDetection("002-ver11", "efficientdet_d6", "256 px, batch 16", train_loss=0.9420),
    PublishedDetection("002-ver12", "efficientdet_d7", "256 px, batch 16", train_loss=0.9019),
    PublishedDetection("002-ver29", "efficientdet", "boxes as the library has them", 0.254139),
    PublishedDetection("002-ver34", "efficientdet", "NMS, seeds fixed", 0.2495),
    PublishedDetection("002-ver41", "efficientdet", "NMS at 0.55, 2 views more", 0.264566),
    PublishedDetection("002-ver37", "efficientdet", "WBF at 0.55, no other view", 0.253263),
    PublishedDetection("002-ver40", "efficientdet", "WBF at 0.65, 7 views more", 0.279867),
    PublishedDetection("006 (ver44)", "efficientdet", "the same, times (1 - none)^0.3", 0.283403),
    PublishedDetection("002-ver45", "efficientdet", "backbone from the classifier", 0.2712),
)
"""In the order of the models, then of what was done behind them."""

PUBLISHED_LEADERBOARD = 0.598
"""mAP of the six classes on Kaggle's public leaderboard, the diary's last (008)."""


def published_detections(model: str) -> tuple[PublishedDetection, ...]:
    """The versions of one detector; none where nothing was published of it."""
    return tuple(row for row in PUBLISHED_DETECTIONS if row.model == model)

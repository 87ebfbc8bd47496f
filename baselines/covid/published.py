"""Published figures of the diary, on its own folds of Kaggle's 6,334 images."""

from dataclasses import dataclass
from typing import Literal


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


@dataclass(frozen=True)
class PublishedStudy:
    """One version of a classifier of the diary, on validation."""

    version: str
    """Number of the notebook, and its version."""
    model: str
    """Its backbone; empty where the diary doesn't say."""
    labels: Literal["study", "opacity"]
    setting: str
    """What it differs in from the version before."""
    auc: float | None = None
    voc_map: float | None = None
    """PASCAL VOC 2010 AP of the confidences: of `none`, or the mean of the four study classes."""
    leaderboard: float | None = None
    """Kaggle's public one, of the four study classes alone."""


STEP_2_FOLDS = (0.7301, 0.7261, 0.7540, 0.7618, 0.7637)
"""AP of `none` after the second of three steps, on folds 0 to 4 (010-ver3)."""

_OPACITY = (
    ("003-ver1", "efficientnet_b0", "256 px, batch 64", 0.87024, None),
    ("003-ver2", "efficientnet_b0", "256 px, batch 128", 0.86923, None),
    ("003-ver3", "efficientnet_b0", "384 px, batch 64", 0.87431, None),
    ("003-ver4", "efficientnet_b0", "512 px, batch 64", 0.87152, None),
    ("003-ver7", "efficientnet_b3", "other backbone", 0.89131, None),
    ("003-ver9", "efficientnet_b3", "best epoch by mAP", None, 0.7240),
    ("003-ver10", "efficientnet_b3", "384 px, batch 16", None, 0.7188),
    ("003-ver12", "efficientnet_b3", "normalised", None, 0.7107),
    ("003-ver13", "efficientnet_b3", "more augmentation", None, 0.7239),
    ("009 to 010-ver2", "efficientnet_b3", "two of three steps, fold 0", None, STEP_2_FOLDS[0]),
    ("011-ver1", "efficientnet_b3", "three steps", None, 0.7421),
    ("003-ver17", "efficientnet_b4", "as ver13", None, 0.7105),
    ("003-ver18", "efficientnet_b5", "as ver13; weight decay 1e-6", None, 0.7127),
    ("003-ver22", "efficientnet_b5", "weight decay 0.01", None, 0.7170),
    ("003-ver24", "efficientnet_b5", "weight decay 1", None, 0.7311),
    ("003-ver25", "efficientnet_b5", "weight decay 10", None, 0.5942),
    ("003-ver5", "tf_efficientnetv2_s", "384 px", 0.88113, None),
    ("003-ver6", "tf_efficientnetv2_s", "weights of ImageNet-21k", 0.88085, None),
)
_STUDY = (
    ("004-ver1", "efficientnet_b3", "256 px", 0.7706, None, None),
    ("004-ver2", "efficientnet_b3", "384 px", 0.7760, None, None),
    ("004-ver3", "efficientnet_b3", "512 px", 0.7811, None, None),
    ("004-ver4", "efficientnet_b3", "512 px, measured by mAP", None, 0.5224, None),
    ("004-ver6", "efficientnet_b3", "384 px, batch 16, normalised", None, 0.5218, None),
    ("004-ver7", "efficientnet_b3", "more augmentation", None, 0.5232, None),
    ("004-ver10", "efficientnet_b4", "as ver7", None, 0.5253, None),
    ("004-ver11", "efficientnet_b5", "as ver7", None, 0.5470, 0.365),
    ("007 (ver11-2)", "efficientnet_b5", "the same, several views", None, None, 0.378),
    ("004-ver13", "efficientnet_b6", "other backbone", None, 0.5395, None),
    ("012-ver2", "", "step 1 of 3, the teacher, on masked images", None, 0.7794, None),
    ("013-ver1", "", "step 2 of 3", None, 0.5568, None),
    ("014-ver1", "", "step 3 of 3", None, 0.5564, None),
)

PUBLISHED_STUDIES = (
    *(
        PublishedStudy(version, model, "opacity", setting, auc, voc_map)
        for version, model, setting, auc, voc_map in _OPACITY
    ),
    *(
        PublishedStudy(version, model, "study", setting, auc, voc_map, leaderboard)
        for version, model, setting, auc, voc_map, leaderboard in _STUDY
    ),
)
"""In the order of the diary's labels, then of the models.

That 009 to 011 have B3 is read off 009-ver1: it was copied from 003-ver11.
"""

STUDY_LEADERBOARD = 0.393
"""The study classes' part of `PUBLISHED_LEADERBOARD`, with 014 (the diary's own difference)."""

CLOSING = (
    "AP of `none` after step 2 on folds 0 to 4 (010-ver3): "
    f"{', '.join(f'{value:.4f}' for value in STEP_2_FOLDS)}.",
    f"Leaderboard of all six classes at the end (008): {PUBLISHED_LEADERBOARD}, "
    f"of which the study's four {STUDY_LEADERBOARD}.",
)
"""What is of no single version."""


def published_studies(model: str) -> tuple[PublishedStudy, ...]:
    """The versions of one backbone; none where nothing was published of it."""
    return tuple(row for row in PUBLISHED_STUDIES if row.model == model)

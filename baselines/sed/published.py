"""What the authors of the pipeline published of it, on data that are not here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRun:
    """One row of their table: validation on RFCX's recordings, then the leaderboard."""

    backbone: str
    lwlrap: float
    precision_50: float
    """At a threshold of 0.5."""
    recall_50: float | None
    leaderboard_lwlrap: float | None
    setting: str
    starred: bool = False
    """Best practice of its backbone, and a member of the ensemble."""


PUBLISHED_RUNS = (
    PublishedRun("resnet18", 0.9589, 0.657, None, 0.942, "best single model; scores too low"),
    PublishedRun("resnet18", 0.9693, 0.9590, 0.7336, 0.936, "best practice", starred=True),
    PublishedRun(
        "resnet18", 0.9457, 0.5744, 0.08893, 0.921, "windows of 256 frames, no accumulation"
    ),
    PublishedRun("resnet18", 0.9657, 0.9665, 0.7125, None, "CBAM"),
    PublishedRun("resnest50d", 0.9397, 0.8985, None, 0.935, "best practice", starred=True),
    PublishedRun("densenet121", 0.9392, 0.8706, None, 0.926, "best practice", starred=True),
    PublishedRun("efficientnet_b0", 0.8897, 0.8748, None, 0.922, "best practice", starred=True),
    PublishedRun("efficientnet_b0", 0.9002, 0.8758, None, None, "other parameters"),
)
"""In the order of their table. They wrote `resnest50`; their code loads resnest50d."""

PUBLISHED_ENSEMBLE_LEADERBOARD_LWLRAP = 0.941
"""Of the plain mean of the four starred models."""


def published_runs(backbone: str) -> tuple[PublishedRun, ...]:
    """The rows of one backbone; none where nothing was published of it."""
    return tuple(run for run in PUBLISHED_RUNS if run.backbone == backbone)

"""The backbones of the pipeline: where they are cut, what they cost, what was published of them."""

import pytest

import baselines.sed.backbones as sed_listing
from baselines.sed.backbones import (
    BACKBONES,
    BEST_PRACTICE,
    PLAIN,
    PUBLISHED_RUNS,
    SoundBackbone,
    backbone_cost,
    backbone_named,
    published_runs,
)
from nas.errors import NasError
from nas.macs.count import MacsReport

# Weights of each as timm counts them with 1,000 classes, less what is cut off, plus the head's.
# resnet18: 11,689,512 - 513,000 (classifier) - 6,272 (two of three planes); head 2 x 512 x 24
RESNET18_PARAMETERS = 11_689_512 - 513_000 - 2 * 64 * 49 + 2 * 512 * 24
# CBAM adds 2 x 512 x 32 for the channels and 2 x 7 x 7 for the locations
CBAM_PARAMETERS = 2 * 512 * 32 + 2 * 49


def test_the_cost_of_resnet18_is_that_of_its_parts() -> None:
    resnet18 = backbone_named("resnet18")
    assert backbone_cost(resnet18).parameters == RESNET18_PARAMETERS
    cbam = backbone_cost(resnet18, cbam=True).parameters - RESNET18_PARAMETERS
    assert cbam == CBAM_PARAMETERS


def test_the_four_starred_models_are_those_of_the_published_ensemble() -> None:
    starred = [name for name, backbone in BACKBONES.items() if backbone.starred]
    assert starred == ["resnet18", "resnest50d", "densenet121", "efficientnet_b0"]
    assert [run.leaderboard_lwlrap for run in PUBLISHED_RUNS if run.starred] == [
        0.936, 0.935, 0.926, 0.922,
    ]  # fmt: skip
    assert published_runs("mobilenetv2_100") == ()
    assert {run.backbone for run in PUBLISHED_RUNS} <= set(BACKBONES)


@pytest.mark.slow
def test_the_list_shows_every_backbone_with_cost_and_published_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: dict[str, MacsReport] = {}

    def remembered(backbone: SoundBackbone) -> MacsReport:
        return counted.setdefault(backbone.name, backbone_cost(backbone))

    monkeypatch.setattr(sed_listing, "backbone_cost", remembered)
    lines = sed_listing.sed_listing()
    assert [word for line in lines for word in line.split()[:1] if word in BACKBONES] == [
        *BACKBONES
    ]
    best = next(line for line in lines if "0.9693" in line)
    assert best.split()[:4] == ["0.9693", "0.959", "0.7336", "0.936"]
    assert best.endswith("best practice *")
    assert any("0.941" in line for line in lines)
    # two 1x1 convolutions to 24 classes at 16 time steps, from the declared channels
    for backbone in BACKBONES.values():
        rows = {row.name: row for row in counted[backbone.name].layers}
        for name in ("head.attention.score", "head.attention.attend"):
            assert rows[name].parameters == backbone.features * 24
            assert rows[name].macs == backbone.features * 24 * 16


def test_the_plain_way_has_none_of_the_practices_and_the_best_has_all() -> None:
    assert (PLAIN.accumulate, PLAIN.pseudo_labelling) == (1, None)
    assert PLAIN.model_validate(BEST_PRACTICE.model_dump()) == BEST_PRACTICE
    changed = {name for name, value in PLAIN if getattr(BEST_PRACTICE, name) != value}
    assert changed == {"accumulate", "loss", "augment", "pseudo_labelling"}


def test_a_wrong_name_is_said_with_the_nearest() -> None:
    with pytest.raises(NasError, match="did you mean 'densenet121'"):
        backbone_named("densenet12")

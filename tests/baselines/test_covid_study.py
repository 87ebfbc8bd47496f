"""The big classifiers of X-rays: names, weights, cost, what the diary published of them."""

from pathlib import Path

import pytest
import torch

import baselines.covid.classifiers as study_listing
import baselines.covid.published as published_study
from baselines.covid.classifiers import (
    BACKBONES,
    FROM_SCRATCH,
    FROM_WEIGHTS,
    INPUT,
    ClassifierBackbone,
    backbone_cost,
    backbone_named,
    study_architecture,
    substitute_note,
    teacher_training,
)
from baselines.covid.published import PUBLISHED_STUDIES, STEP_2_FOLDS
from baselines.covid.student import map_indices
from nas.errors import NasError
from nas.macs.count import MacsReport
from nas.model.build import build_network
from nas.spec.definition import InputSpec

# Table 2 of Tan & Le 2019: giga multiply-adds at each one's own side
PAPER = {"efficientnet_b0": (224, 0.39), "efficientnet_b4": (380, 4.2)}


@pytest.mark.parametrize("name", PAPER)
def test_efficientnet_costs_what_its_paper_says(name: str) -> None:
    side, giga = PAPER[name]
    report = backbone_cost(backbone_named(name), InputSpec(height=side, width=side))
    assert report.total / 1e9 == pytest.approx(giga, rel=0.06)


def test_b0_has_the_parameters_of_its_paper_but_for_996_classes() -> None:
    """timm's 5,288,548 with 1,000 classes: 1,280 weights and one bias a class."""
    report = backbone_cost(backbone_named("efficientnet_b0"))
    assert report.parameters == 5_288_548 - 996 * 1_281


def test_published_weights_are_there_for_every_backbone() -> None:
    from timm.models import get_pretrained_cfg

    for backbone in BACKBONES.values():
        weights = get_pretrained_cfg(backbone.weights)
        assert weights is not None
        assert weights.has_weights, backbone.name
        if backbone.weights != backbone.name:
            own = get_pretrained_cfg(backbone.name)
            assert own is None or not own.has_weights
            assert backbone.weights in str(substitute_note(backbone))
    assert backbone_named("efficientnet_b7").model(pretrained=True) == "timm:tf_efficientnet_b7"
    assert backbone_named("efficientnet_b7").model(pretrained=False) == "timm:efficientnet_b7"
    assert substitute_note(backbone_named("efficientnet_b5")) is None


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("pretrained", [False, True])
def test_every_backbone_has_maps_for_a_student(name: str, pretrained: bool) -> None:
    architecture = study_architecture(backbone_named(name), INPUT, pretrained=pretrained)
    with torch.device("meta"):
        network = build_network(architecture)
    assert len(map_indices(network)) == 3


def test_a_wrong_name_and_a_grey_input_are_said() -> None:
    with pytest.raises(NasError, match="no backbone 'efficientnet_b33'; did you mean 'efficientn"):
        backbone_named("efficientnet_b33")
    with pytest.raises(NasError, match="--input: 1 channels; the backbones take 3"):
        study_architecture(
            backbone_named("efficientnet_b0"), InputSpec(channels=1, height=9, width=9)
        )


def test_the_list_shows_every_backbone_with_cost_and_every_published_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: dict[str, MacsReport] = {}
    cheap = backbone_cost(backbone_named("efficientnet_b0"), InputSpec(height=32, width=32))

    def remembered(backbone: ClassifierBackbone) -> MacsReport:
        return counted.setdefault(backbone.name, cheap)

    monkeypatch.setattr(study_listing, "backbone_cost", remembered)
    lines = study_listing.study_listing()
    assert set(counted) == set(BACKBONES)
    named = [word for line in lines for word in line.split()[:1] if word in BACKBONES]
    assert named == [*BACKBONES]
    for row in PUBLISHED_STUDIES:
        (line,) = [line for line in lines if f"{row.version}: {row.setting}" in line]
        cells = line.split()
        for figure in (row.auc, row.voc_map, row.leaderboard):
            assert figure is None or figure in [float(cell) for cell in cells if "." in cell[:2]]
    text = "\n".join(lines)
    for figure in (*STEP_2_FOLDS, 0.598, 0.393):
        assert f"{figure:g}" in text


def test_each_published_figure_is_written_once() -> None:
    assert published_study.__file__ is not None
    folder = Path(published_study.__file__).parent
    source = "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.py")))
    figures = [
        figure
        for row in PUBLISHED_STUDIES
        for figure in (row.auc, row.voc_map, row.leaderboard)
        if figure is not None
    ]
    assert len(figures) > 25
    for figure in {*figures, *STEP_2_FOLDS}:
        digits = max(4, len(f"{figure:g}") - 2) if figure not in (0.365, 0.378) else 3
        assert source.count(f"{figure:.{digits}f}") == 1, figure
    assert len({row.version for row in PUBLISHED_STUDIES}) == len(PUBLISHED_STUDIES)
    assert {row.model for row in PUBLISHED_STUDIES} - {""} <= set(BACKBONES)


def test_the_diary_s_settings() -> None:
    assert (FROM_WEIGHTS.epochs, FROM_WEIGHTS.batch_size, FROM_WEIGHTS.weight_decay) == (6, 16, 1)
    assert INPUT.shape == (3, 384, 384)
    assert teacher_training(FROM_WEIGHTS).epochs == 4
    assert teacher_training(FROM_SCRATCH).epochs == 27
    assert teacher_training(FROM_WEIGHTS.model_copy(update={"epochs": 1})).epochs == 1

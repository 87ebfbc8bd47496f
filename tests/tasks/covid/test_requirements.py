"""What the X-ray tasks refuse, at the line of the file that is wrong."""

from dataclasses import replace

import pytest

from nas.data.image.preprocess import ImagePreprocess
from nas.data.xray.preprocess import XrayPreprocess
from nas.errors import NasError
from nas.spec.architecture import parse_architecture
from nas.spec.space import parse_space
from nas.tasks.covid.detection import CovidDetectionTask
from nas.tasks.covid.requirements import xray_preprocess
from nas.tasks.covid.study import CovidStudyTask
from tests.model.detectors import DETECTOR, SPACE

STUDY = """task: covid-study
input: {channels: 1, height: 16, width: 16}
preprocess: {kind: xray, labels: opacity}
layers: [{block: Conv, out: 8}]
"""


def test_what_is_not_said_is_the_default() -> None:
    assert xray_preprocess(None, ("boxes",), "covid-detection") == XrayPreprocess()
    kept = XrayPreprocess(labels="boxes", interpolation="nearest")
    assert xray_preprocess(kept, ("boxes",), "covid-detection") is kept


def test_labels_are_the_tasks_own() -> None:
    with pytest.raises(NasError, match=r"preprocess\.labels: 'boxes' is not allowed: .* has study"):
        xray_preprocess(XrayPreprocess(labels="boxes"), ("study", "opacity"), "covid-study")
    with pytest.raises(NasError, match=r"preprocess\.kind: 'image' is not allowed: .* kind: xray"):
        xray_preprocess(ImagePreprocess(), ("boxes",), "covid-detection")


class TestDetection:
    def test_a_network_with_the_head_is_taken(self) -> None:
        architecture = parse_architecture(DETECTOR)
        CovidDetectionTask().check_architecture(architecture)
        whole = replace(architecture, model="some.module:factory", head="none", layers=())
        CovidDetectionTask().check_architecture(whole)

    def test_another_head_is_not(self) -> None:
        architecture = parse_architecture(STUDY.replace("opacity", "boxes"))
        with pytest.raises(NasError, match=r"head: linear is no head of the covid-detection task"):
            CovidDetectionTask().check_architecture(architecture)
        with pytest.raises(NasError, match=r"head: none is no head of the covid-detection task"):
            CovidDetectionTask().check_architecture(replace(architecture, head="none"))

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"input": {"channels": 2, "height": 72, "width": 104}}, "1 channel"),
            ({"preprocess": XrayPreprocess(mean=(0.1, 0.2), std=(1.0,))}, "2 values for 1 chan"),
            ({"preprocess": XrayPreprocess(labels="study")}, "'study' is not allowed"),
        ],
    )
    def test_what_no_detector_may_have(self, change: dict, problem: str) -> None:
        architecture = parse_architecture(DETECTOR)
        if "input" in change:
            change = {"input": architecture.input.model_copy(update=change["input"])}
        with pytest.raises(NasError, match=problem):
            CovidDetectionTask().check_architecture(replace(architecture, **change))

    def test_layers_without_the_maps(self) -> None:
        architecture = parse_architecture(DETECTOR)
        short = replace(architecture, layers=architecture.layers[:-1])
        with pytest.raises(NasError, match=r"maps at the strides 8, 16, 32; at 32 no 3x4"):
            CovidDetectionTask().check_architecture(short)

    def test_a_space(self) -> None:
        assert "strides 8, 16 and 32" in CovidDetectionTask().check_space(parse_space(SPACE))

    @pytest.mark.parametrize(
        ("old", "new", "refusal"),
        [
            ("channels: 1", "channels: [1, 2]", r"^space\.yaml:3 input\.channels: .*not 2"),
            (
                "classes: [opacity]",
                "classes: [opacity]\npreprocess: {kind: xray, labels: study}",
                r"^space\.yaml:7 preprocess\.labels: 'study' is not allowed: .* has boxes",
            ),
            (
                "classes: [opacity]",
                "classes: [opacity]\npreprocess:\n  kind: image",
                r"^space\.yaml:8 preprocess\.kind: 'image' is not allowed",
            ),
            (
                "head: detection\nneck: {block: [FPN, BiFPN], out: {low: 16, high: 32, step: 8}, "
                "repeat: {low: 1, high: 2}}\n",
                "head: linear\n",
                r"^space\.yaml:4 head: linear is no head of the covid-detection task",
            ),
            (
                "out: 48, expand: 2, stride: 2}\n",
                "out: 48, expand: 2, stride: [1, 2]}\n",
                r"^space\.yaml:7 layers: a detector needs maps at .*; at 32 no 2x2 comes out",
            ),
        ],
    )
    def test_a_space_with_another_member_is_told_at_its_line(
        self, old: str, new: str, refusal: str
    ) -> None:
        assert old in SPACE
        with pytest.raises(NasError, match=refusal):
            CovidDetectionTask().check_space(parse_space(SPACE.replace(old, new)))


class TestStudy:
    def test_a_classifier_is_taken(self) -> None:
        CovidStudyTask().check_architecture(parse_architecture(STUDY))
        assert "linear head" in CovidStudyTask().check_space(parse_space(STUDY))

    def test_a_detector_is_not(self) -> None:
        with pytest.raises(NasError, match=r"head: detection is no head of the covid-study task"):
            CovidStudyTask().check_architecture(parse_architecture(DETECTOR))

    @pytest.mark.parametrize(
        ("old", "new", "refusal"),
        [
            ("channels: 1", "channels: [3, 4]", r"^space\.yaml:2 input\.channels: .*not 4"),
            ("labels: opacity", "labels: boxes", r"^space\.yaml:3 preprocess\.labels: 'boxes' is"),
            (
                "{kind: xray, labels: opacity}",
                "\n  turn_portrait: false",
                r"^space\.yaml:3 preprocess\.kind: 'image' is not allowed: the covid-study task",
            ),
        ],
    )
    def test_a_space_with_another_member_is_told_at_its_line(
        self, old: str, new: str, refusal: str
    ) -> None:
        with pytest.raises(NasError, match=refusal):
            CovidStudyTask().check_space(parse_space(STUDY.replace(old, new)))

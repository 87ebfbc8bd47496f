"""What every installed search space must hold. Installing one tests it."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from blocks import DetectionOutput
from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.model.identity import architecture_hash
from nas.spec.architecture import load_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.load import installed_spaces
from nas.spec.members import Members
from nas.spec.space import SpaceSpec, load_space
from nas.spec.trial import RandomTrial
from tests.spec.recording import recorded_shapes

SPACES = installed_spaces()
REFERENCES = sorted(
    (Path(load_space("tiny.yaml").document.path).parent / "reference").glob("*.yaml")
)


@pytest.fixture(scope="module", params=SPACES)
def space(request: pytest.FixtureRequest) -> SpaceSpec:
    return load_space(request.param)


def test_the_shipped_spaces_are_installed() -> None:
    assert set(SPACES) >= {
        "shufflenet.yaml",
        "mobilenetv3.yaml",
        "mbconv.yaml",
        "small-pictures.yaml",
        "micro-pictures.yaml",
        "micro-sounds.yaml",
        "sed.yaml",
        "tiny.yaml",
        "covid-study.yaml",
        "covid-detection.yaml",
        "detection.yaml",
    }
    assert len(REFERENCES) >= 2


def test_members_build_with_the_declared_shapes_and_are_counted(space: SpaceSpec) -> None:
    generator = np.random.default_rng(0)
    for number in range(6):
        member = space.sample(RandomTrial(generator, number))
        with torch.device("meta"):
            network = build_network(member).eval()
        declared = {
            f"{part}.{step.name}": step.out_shape
            for part, steps in (("layers", member.steps()), ("head", member.head_steps()))
            for step in steps
        }
        logits, shapes = recorded_shapes(network, member.input.shape)
        assert shapes == declared
        locations = declared["head.detection"][:1] if member.detects else ()
        assert logits == (*locations, len(member.classes))
        report = count_macs(network, member.input.shape)
        assert report.total > 0
        assert report.parameters == sum(item.numel() for item in network.parameters())


@pytest.mark.parametrize("name", [name for name in SPACES if load_space(name).head == "detection"])
def test_a_detector_s_maps_are_at_the_strides_8_16_and_32(name: str) -> None:
    space = load_space(name)
    generator = np.random.default_rng(5)
    for number in range(6):
        member = space.sample(RandomTrial(generator, number))
        _, height, width = member.input.shape
        sizes = [(-(-height // stride), -(-width // stride)) for stride in (8, 16, 32)]
        with torch.device("meta"):
            network = build_network(member).eval()
            maps: list[torch.Tensor] = []
            network.get_submodule("head.detection").register_forward_pre_hook(
                lambda module, args, maps=maps: maps.extend(args[0])
            )
            found = network(torch.empty(2, *member.input.shape))
        assert member.neck is not None
        width_of_maps = member.neck.config.model_dump()["out"]
        assert [item.shape for item in maps] == [(2, width_of_maps, *size) for size in sizes]
        locations = sum(rows * columns for rows, columns in sizes)
        assert isinstance(found, DetectionOutput)
        assert found.class_logits_NPK.shape == (2, locations, len(member.classes))
        assert found.distances_NP4.shape == (2, locations, 4)
        assert found.centre_logits_NP.shape == (2, locations)


@pytest.mark.slow
def test_a_space_contains_its_members(space: SpaceSpec) -> None:
    generator = np.random.default_rng(1)
    members = Members(space)
    for number in range(25):
        assert members.contains(space.sample(RandomTrial(generator, number)))


def test_every_parameter_has_one_distribution(space: SpaceSpec) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found: dict[str, Any] = {}
    for _ in range(300):
        trial = study.ask()
        space.sample(trial)
        for name, distribution in trial.distributions.items():
            assert found.setdefault(name, distribution) == distribution, name
            assert not distribution.single(), f"{name} has nothing to choose"


def test_a_trial_without_a_study_draws_what_a_study_can_repeat(space: SpaceSpec) -> None:
    generator = np.random.default_rng(2)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(20):
        draw = RandomTrial(generator, number)
        member = space.sample(draw)
        study.enqueue_trial(draw.params)
        repeated = space.sample(study.ask())
        assert architecture_hash(repeated) == architecture_hash(member)


def test_parameters_of_branches_not_taken_are_absent(space: SpaceSpec) -> None:
    generator = np.random.default_rng(3)
    for number in range(40):
        draw = RandomTrial(generator, number)
        member = space.sample(draw)
        kinds = {layer.name: layer.config.name for layer in member.layers}
        if member.neck is not None:
            kinds["neck"] = member.neck.config.name
        for parameter in draw.params:
            layer, *inner = parameter.split(".")
            if parameter == "last.position" or layer == "input":
                continue
            if inner in (["block"], ["repeat"]):
                continue
            assert layer in kinds, f"{parameter} of a layer that is not there"
            own_branch = len(inner) >= 2 and inner[0] != inner[0].lower()
            assert not own_branch or inner[0] == kinds[layer], parameter


def test_a_changed_parameter_changes_what_is_written_or_is_a_position(space: SpaceSpec) -> None:
    generator = np.random.default_rng(4)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for number in range(8):
        draw = RandomTrial(generator, number)
        before = _written(space.sample(draw))
        study.enqueue_trial(draw.params)
        trial = study.ask()
        space.sample(trial)
        for name, distribution in trial.distributions.items():
            study.enqueue_trial(
                draw.params | {name: _other(study, distribution, draw.params[name])}
            )
            after = _written(space.sample(study.ask()))
            # a range that is short here has several positions for one value
            assert after != before or name.endswith(".out.position"), f"{name} in {draw.params}"


def _written(member: ArchitectureSpec) -> tuple[object, ...]:
    return member.input, member.layers, member.neck


def _other(study: optuna.Study, distribution: Any, value: Any) -> Any:
    """Another value of the distribution."""
    sampler = optuna.samplers.RandomSampler()
    drawn = value
    while drawn == value:
        drawn = sampler.sample_independent(study, None, "x", distribution)
    return drawn


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
def test_a_reference_states_its_own_cost(path: Path) -> None:
    architecture = load_architecture(path)
    with torch.device("meta"):
        network = build_network(architecture)
    report = count_macs(network, architecture.input.shape)
    text = path.read_text()
    assert f"{report.parameters:,} parameters" in text
    assert f"{report.total:,} MACs" in text

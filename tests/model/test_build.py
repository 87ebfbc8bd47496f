"""Architectures as modules: declared shapes, names of parts, logits."""

import torch
from hypothesis import HealthCheck, given, settings

from nas.macs.count import count_macs
from nas.model.build import build_network
from nas.spec.architecture import parse_architecture
from nas.spec.definition import ArchitectureSpec
from tests.spec.recording import recorded_shapes
from tests.spec.strategies import architectures


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(architectures())
def test_declared_shapes_are_the_real_ones_and_are_counted(spec: ArchitectureSpec) -> None:
    with torch.device("meta"):
        network = build_network(spec).eval()
    logits, shapes = recorded_shapes(network, spec.input.shape)
    assert logits == (len(spec.classes),)
    declared = {f"layers.{step.name}": step.out_shape for step in spec.steps()}
    declared |= {f"head.{step.name}": step.out_shape for step in spec.head_steps()}
    assert shapes == declared
    assert count_macs(network, spec.input.shape).total >= 0


def test_parts_carry_the_names_of_the_file() -> None:
    text = (
        "input: {height: 8, width: 8}\nclasses: 3\nlayers:\n"
        "- {name: stem, block: Conv, out: 8}\n- {block: Conv, out: 8, repeat: 2}\n"
    )
    network = build_network(parse_architecture(text))
    assert [name for name, _ in network.named_children()] == ["layers", "head"]
    assert list(network.get_submodule("layers")._modules) == ["stem", "layer1_0", "layer1_1"]
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 3)


def test_weights_are_initialised_by_our_rule_not_pytorch_s() -> None:
    text = "input: {height: 8, width: 8}\nlayers:\n- {block: Conv, out: 8}\n"
    torch.manual_seed(0)
    weight = build_network(parse_architecture(text)).state_dict()["layers.layer0.0.weight"]
    assert weight.std() > 1.2 / (3 * 27) ** 0.5  # PyTorch's own is 1 / sqrt(3 * fan_in)


def test_another_library_s_network_gets_the_classes() -> None:
    text = "input: {height: 32, width: 32}\nclasses: 3\nmodel: torchvision:shufflenet_v2_x0_5\n"
    with torch.device("meta"):
        network = build_network(parse_architecture(text))
    assert network.get_submodule("fc").weight.shape[0] == 3

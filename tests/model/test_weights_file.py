"""Files of weights: what is read of them, what is refused, another library's network from one."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save, save_file
from torch import Tensor, nn

from nas.errors import NasError
from nas.model.build import build_network
from nas.model.maps import load_maps
from nas.model.reference import load_reference
from nas.model.weights_file import load_file_into, read_state
from nas.spec.architecture import parse_architecture
from tests.blocks.parity import images, randomise

STATE = {"b": torch.ones(2), "a": torch.zeros(3)}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE},
        {f"module.{name}": value for name, value in STATE.items()},
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_pytorchs_files_keep_their_order(suffix: str, content: Any, tmp_path: Path) -> None:
    file = tmp_path / f"weights{suffix}"
    torch.save(content, file)
    assert list(read_state(file)) == ["b", "a"]


class Touch:
    """What a pickle can do: run code when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"a": STATE["a"], "b": Touch(tmp_path / "ran")}, tmp_path / "bad.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Touch(tmp_path / "ran")))
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    for name in ("bad.pth", "plain.pth", "whole.pth"):
        with pytest.raises(NasError, match="holds other objects, which are not read") as refusal:
            read_state(tmp_path / name)
        assert refusal.value.file == str(tmp_path / name)
        assert "weights_only" not in str(refusal.value)  # torch tells how to run it
        assert "weights_only" in str(refusal.value.__cause__)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.onnx", b"", r"ends in \.safetensors, \.pth"),
        ("x.safetensors", b"no such thing", "damaged weights"),
        ("x.pth", b"", "the file is empty"),
        ("x.pth", b"<!DOCTYPE html>", "neither a zip archive nor a pickle"),
        ("x.pth", b"plain words", "neither a zip archive nor a pickle"),
        ("x.pth", b"PK\x03\x04 cut off", "damaged, cut off"),
        ("x.pth", b"\x80\x02 cut off", "or is damaged"),
        ("x.bin", save(STATE), r"is a safetensors file: its name must end in .*, not \.bin"),
    ],
)
def test_what_is_no_file_of_weights_is_said(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NasError, match=says):
        read_state(tmp_path / name)


def kinds() -> dict[str, tuple[Tensor, str]]:
    with warnings.catch_warnings():  # torch's, of kinds that it is about to give up
        warnings.simplefilter("ignore")
        return {
            "quantised": (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "qint8"),
            "nested": (torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "nested"),
            "compressed": (torch.eye(3).to_sparse_csr(), "sparse_csr"),
            "sparse": (torch.eye(3).to_sparse(), "sparse_coo"),
            "meta": (torch.ones(3, device="meta"), "meta"),
            "expanded": (torch.ones(1).expand(10**12), "a view that repeats its values"),
            "complex": (torch.ones(3, dtype=torch.complex64), "of type complex64"),
            "integer": (torch.ones(3, dtype=torch.int64), "of type int64"),
            "boolean": (torch.ones(3, dtype=torch.bool), "of type bool"),
            "tiny": (torch.ones(3).to(torch.float8_e4m3fn), "of type float8_e4m3fn"),
        }


@pytest.mark.parametrize("kind", kinds())
def test_tensors_that_can_be_no_weights_are_refused(kind: str, tmp_path: Path) -> None:
    value, says = kinds()[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({**STATE, "conv.weight": value}, tmp_path / "x.pth")
    with pytest.raises(NasError, match=rf"'conv.weight' is .*{says}") as refusal:
        read_state(tmp_path / "x.pth")
    assert "float32, float16, bfloat16, float64" in refusal.value.problem
    assert refusal.value.file == str(tmp_path / "x.pth")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("conv.weight", torch.tensor([1.0, float("nan")]), "not finite"),
        ("conv.weight", torch.tensor([1.0, float("-inf")]), "not finite"),
        ("conv.weight", torch.tensor([1e300], dtype=torch.float64), "not finite in float32"),
        ("norm.running_var", torch.tensor([1.0, -1e-9]), "a variance with values below 0"),
        ("conv.weight", torch.ones(3, dtype=torch.int64), "of type int64"),
    ],
)
def test_values_that_can_be_no_weights_are_refused(
    name: str, value: Tensor, says: str, suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"x{suffix}"
    write = save_file if suffix == ".safetensors" else torch.save
    write({**STATE, name: value}, file)
    with pytest.raises(NasError, match=f"'{name}' is .*{says}") as refusal:
        read_state(file)
    assert refusal.value.file == str(file)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_and_counters_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {"a.weight": torch.ones(3, dtype=dtype), "a.running_var": torch.zeros(0, dtype=dtype)}
    state["a.num_batches_tracked"] = torch.tensor(3)
    torch.save(state, tmp_path / "x.pth")
    assert list(read_state(tmp_path / "x.pth")) == list(state)


class Indexed(nn.Module):
    """A network with a table of whole numbers, as windowed attention has."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("index", torch.arange(3))
        self.linear = nn.Linear(2, 2)


def test_whole_numbers_are_read_where_the_network_has_them(tmp_path: Path) -> None:
    network, state = Indexed(), Indexed().state_dict()
    torch.save({**state, "index": torch.tensor([2, 1, 0])}, tmp_path / "x.pth")
    load_file_into(network, tmp_path / "x.pth")
    assert network.state_dict()["index"].tolist() == [2, 1, 0]
    whole = state["linear.weight"].long()
    torch.save({**state, "linear.weight": whole}, tmp_path / "x.pth")
    with pytest.raises(NasError, match=r"'linear.weight' is of type int64"):
        load_file_into(network, tmp_path / "x.pth")


def test_a_missing_file_and_one_without_names_are_said(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no such file of weights"):
        read_state(tmp_path / "x.pth")
    torch.save([STATE["a"]], tmp_path / "list.pth")
    with pytest.raises(NasError, match="holds no state_dict"):
        read_state(tmp_path / "list.pth")


def published(model: str) -> nn.Module:
    network = load_reference(model, None).eval()
    randomise(network)
    return network


@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:resnet10t"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_another_librarys_network_begins_from_a_file(
    model: str, suffix: str, tmp_path: Path
) -> None:
    theirs, file = published(model), tmp_path / f"weights{suffix}"
    state = theirs.state_dict()
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    x = images(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(load_reference(model, None, weights=file).eval()(x), theirs(x))
    own = load_reference(model, 5, weights=file).state_dict()
    other = {name for name in own if own[name].shape != state[name].shape}
    assert len(other) == 2
    assert all(torch.equal(own[name], state[name]) for name in own if name not in other)


def test_features_of_other_channels_begin_from_a_file(tmp_path: Path) -> None:
    theirs, file = published("timm:resnet10t"), tmp_path / "weights.pth"
    torch.save(theirs.state_dict(), file)
    architecture = parse_architecture(
        "{task: sed, input: {channels: 1, height: 64, width: 64}, model: 'timm:resnet10t', "
        "head: attention, classes: 4}"
    )
    network = build_network(architecture, weights=file).eval()
    x = images(1, 1, 64, 64)
    with torch.no_grad():
        expected = theirs.forward_features(x.expand(-1, 3, -1, -1))
        torch.testing.assert_close(network.layers(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:resnet10t"])
def test_maps_of_a_detector_begin_from_a_file(model: str, tmp_path: Path) -> None:
    theirs = published(model)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    maps = load_maps(model, weights=tmp_path / "weights.pth").eval()
    given = list(theirs.state_dict().values())
    for index, (name, value) in enumerate(maps.state_dict().items()):
        assert torch.equal(value, given[index]), name  # what comes first, under names of its own
    torch.save({"a.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(NasError, match="weights of another network"):
        load_maps(model, weights=tmp_path / "other.pth")


@pytest.mark.parametrize(
    "other", ["torchvision:mobilenet_v3_large", "torchvision:resnet18", "torchvision:resnet34"]
)
def test_another_networks_file_is_refused(other: str, tmp_path: Path) -> None:
    torch.save(published(other).state_dict(), tmp_path / "other.pth")
    model = "torchvision:resnet18" if other.endswith("34") else "torchvision:mobilenet_v3_small"
    with pytest.raises(NasError, match="weights of another network than") as refusal:
        load_reference(model, 5, weights=tmp_path / "other.pth")
    assert refusal.value.key == "--weights"


def test_a_tensor_that_is_missing_is_never_left_at_random(tmp_path: Path) -> None:
    network = torchvision.models.shufflenet_v2_x0_5(num_classes=3)
    for name in ("fc.bias", "conv5.0.weight", "stage2.0.branch1.1.running_var"):
        state = network.state_dict()
        del state[name]
        torch.save(state, tmp_path / "less.pth")
        with pytest.raises(NasError, match=f"1 tensors .* first '{name}'"):
            load_file_into(network, tmp_path / "less.pth")

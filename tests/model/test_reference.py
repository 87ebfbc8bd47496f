"""Networks of other libraries by name, and what is said where they can't be had."""

import importlib
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision
from torch import nn

from nas.errors import NasError
from nas.model import download
from nas.model.reference import allow_module, load_reference


@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:resnet10t"])
def test_the_classifier_has_as_many_outputs_as_classes(model: str) -> None:
    network = load_reference(model, 7).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
        assert load_reference(model, None).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_old_inceptions_are_built_without_a_warning() -> None:
    with torch.device("meta"):
        assert load_reference("torchvision:googlenet", 3).fc.out_features == 3


FACTORIES = """
from torch import nn

ready = nn.Linear(2, 3)

def plain():
    return nn.Linear(2, 4)

def sized(num_classes=9):
    return nn.Linear(2, num_classes)

def shaped(input_size=(1, 1), num_classes=9):
    height, width = input_size
    return nn.Linear(height, width)

def anything(**options):
    return nn.Linear(len(options), 1 + ("input_size" in options))

def number():
    return 3

def broken():
    raise KeyError("oops")

def leaving():
    raise SystemExit(0)
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reference_factories.py").write_text(FACTORIES)
    allow_module("reference_factories")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "classes", "outputs"),
    [("ready", 5, 3), ("plain", 5, 4), ("sized", 5, 5), ("sized", None, 9)],
)
@pytest.mark.usefixtures("factories")
def test_a_factory_in_the_current_folder_is_called(
    name: str, classes: int | None, outputs: int
) -> None:
    network = load_reference(f"reference_factories:{name}", classes)
    assert isinstance(network, nn.Linear)
    assert network.out_features == outputs


@pytest.mark.usefixtures("factories")
def test_a_factory_is_told_the_input_where_it_asks_for_it() -> None:
    shaped = load_reference("reference_factories:shaped", None, input_size=(48, 64))
    assert (shaped.in_features, shaped.out_features) == (48, 64)
    unknown = load_reference("reference_factories:shaped", None)
    assert (unknown.in_features, unknown.out_features) == (1, 1)
    anything = load_reference("reference_factories:anything", 5, input_size=(48, 64))
    assert (anything.in_features, anything.out_features) == (2, 2)
    plain = load_reference("reference_factories:plain", None, input_size=(48, 64))
    assert plain.out_features == 4


@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:resnet10t"])
def test_a_library_s_network_is_the_same_for_every_input(model: str) -> None:
    with torch.device("meta"):
        network = load_reference(model, 3, input_size=(48, 64))
        other = load_reference(model, 3)
    assert str(network) == str(other)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("number", "gives a int, not a torch.nn.Module"),
        ("broken", "failed: KeyError: 'oops'"),
        ("leaving", r"failed: it ends the program \(SystemExit: 0\)"),
        ("__name__", "is a str; needed is"),
        ("sizd", "did you mean 'sized'"),
    ],
)
@pytest.mark.usefixtures("factories")
def test_what_is_wrong_with_a_factory_is_said(name: str, says: str) -> None:
    with pytest.raises(NasError, match=says):
        load_reference(f"reference_factories:{name}", None)
    with pytest.raises(NasError, match="no parameter 'pretrained'"):
        load_reference("reference_factories:sized", None, pretrained=True)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            RuntimeError("operator torchvision::nms does not exist"),
            "pip install --upgrade torch torchvision",
        ),
        (
            ModuleNotFoundError("No module named 'timm'", name="timm"),
            "timm is not installed: pip install",
        ),
    ],
)
def test_a_library_that_can_not_be_imported_is_said_with_its_cure(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(NasError, match=says):
        load_reference("timm:resnet18", None)


def test_unreachable_weights_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(download, "check_connection", lambda url: None)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(NasError, match="could not be downloaded from https://"):
        load_reference("torchvision:resnet18", 3, pretrained=True)
    with pytest.raises(NasError, match="weights of resnet18 could not be had"):
        load_reference("timm:resnet18", 3, pretrained=True)


def test_published_weights_are_loaded_but_for_a_classifier_of_other_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published = torchvision.models.mobilenet_v3_small(weights=None).state_dict()
    weights = torchvision.models.MobileNet_V3_Small_Weights
    monkeypatch.setattr(weights, "get_state_dict", lambda self, **options: published)
    monkeypatch.setattr(download, "check_connection", lambda url: None)
    loaded = load_reference("torchvision:mobilenet_v3_small", 5, pretrained=True).state_dict()
    same = {
        key
        for key, value in published.items()
        if loaded[key].shape == value.shape and torch.equal(loaded[key], value)
    }
    assert set(published) - same == {"classifier.3.weight", "classifier.3.bias"}

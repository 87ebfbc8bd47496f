"""Published weights without a connection: said at once, with what to do instead."""

import socket
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
import torchvision

from nas.errors import NasError
from nas.model import download
from nas.model.download import check_connection
from nas.model.reference import load_reference


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port of this machine that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "getproxies", dict)


@pytest.fixture
def offline(refusing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Every download goes through a proxy that refuses, and nothing was downloaded before."""
    proxy = f"http://127.0.0.1:{refusing}"
    monkeypatch.setattr(download, "getproxies", lambda: {"http": proxy, "https": proxy})
    monkeypatch.setattr(download, "proxy_bypass", lambda host: False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *names: None)
    return refusing


def test_a_port_that_refuses_is_said_with_host_and_port(refusing: int, listening: int) -> None:
    with pytest.raises(NasError, match=rf"no connection to 127\.0\.0\.1, port {refusing} \(.*ref"):
        check_connection(f"https://127.0.0.1:{refusing}/models/x.pth")
    check_connection(f"https://127.0.0.1:{listening}/models/x.pth")


def test_the_proxy_is_what_must_be_reached(
    refusing: int, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for proxy in (f"http://127.0.0.1:{listening}", f"127.0.0.1:{listening}"):
        monkeypatch.setattr(download, "getproxies", lambda address=proxy: {"https": address})
        monkeypatch.setattr(download, "proxy_bypass", lambda host: False)
        check_connection(f"https://127.0.0.1:{refusing}/x.pth")
    monkeypatch.setattr(download, "proxy_bypass", lambda host: True)
    with pytest.raises(NasError, match=f"port {refusing}"):
        check_connection(f"https://127.0.0.1:{refusing}/x.pth")


def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CONNECT_S", 0.01)

    class Silent:
        def __init__(self, **options: object) -> None: ...
        def start(self) -> None: ...
        def join(self, seconds: float) -> None:
            assert seconds == 0.01

    monkeypatch.setattr(download, "Thread", Silent)
    with pytest.raises(NasError, match=r"port 443 \(none within 0.01 s\)"):
        check_connection("https://download.pytorch.org/models/x.pth")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("torchvision:mobilenet_v2", "elsewhere and put it to .*checkpoints/mobilenet_v2-"),
        ("timm:tf_efficientnet_lite0", "timm/tf_efficientnet_lite0.in1k is not in the cache"),
    ],
)
def test_offline_published_weights_are_said_with_what_to_do(
    model: str, says: str, offline: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **kwargs: object) -> None:
        pytest.fail("the library tried to download")

    monkeypatch.setattr(torchvision.models._api.WeightsEnum, "get_state_dict", never)
    monkeypatch.setattr(timm, "create_model", never)
    with pytest.raises(NasError, match=says) as refusal:
        load_reference(model, 3, pretrained=True)
    assert "pip:NAME" in str(refusal.value)
    assert f"port {offline}" in str(refusal.value)


@pytest.mark.usefixtures("offline")
def test_offline_the_cache_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lite0 = timm.create_model("tf_efficientnet_lite0")
    torch.save(lite0.state_dict(), tmp_path / "cached.pth")
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda hub, name: str(tmp_path / "cached.pth")
    )
    loaded = load_reference("timm:tf_efficientnet_lite0", 3, pretrained=True).state_dict()
    expected = lite0.state_dict()
    same = [name for name, value in expected.items() if loaded[name].shape == value.shape]
    assert len(expected) - len(same) == 2
    assert all(torch.equal(loaded[name], expected[name]) for name in same)

"""Published weights of torchvision and timm, downloaded once; without a connection said at once."""

import socket
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import torch
from torch import Tensor

from nas.errors import NasError

CONNECT_S = 5.0
"""Seconds within which a connection must stand, the look-up of the host's name included."""
INSTEAD = (
    "give a file (.safetensors, .pth), the folder of a finished run or pip:NAME as the weights "
    "instead"
)
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""As timm looks for them."""


def check_connection(url: str) -> None:
    """Raises NasError within seconds where the host of `url`, or the proxy before it, is not met.

    The libraries' own clients try again for most of a minute.
    """
    address = urlsplit(url)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (80 if address.scheme == "http" else 443)
    if problem := _no_connection(address.hostname or "", port):
        raise NasError(f"no connection to {address.hostname}, port {port} ({problem})")


def _no_connection(host: str, port: int) -> str:
    """Why no connection stands in time; empty where one does."""
    problems = [f"none within {CONNECT_S:g} s"]

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_S).close()
            problems[:] = [""]
        except OSError as error:
            problems[:] = [error.strerror or str(error)]

    attempt = Thread(target=connect, daemon=True)  # looking up a name has no time limit of its own
    attempt.start()
    attempt.join(CONNECT_S)
    return problems[0]


def torchvision_state(weights: Any) -> dict[str, Tensor]:
    """The tensors of one of torchvision's `WeightsEnum`, from its cache or downloaded.

    Raises NasError where they can't be had.
    """
    place = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(weights.url).path).name
    try:
        if not place.exists():
            check_connection(weights.url)
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, NasError) as error:  # OSError: as those of urllib are
        raise NasError(
            f"{weights} could not be downloaded from {weights.url}: {error}; {INSTEAD}, or load "
            f"it elsewhere and put it to {place}"
        ) from error
    return state


def timm_overlay(config: Any) -> dict[str, str]:
    """What timm's builder is to change in a pretrained configuration: a file that is here already.

    Raises NasError where the weights are not in the cache and can't be downloaded.
    """
    hub = getattr(config, "hf_hub_id", None)
    if not hub:
        return {}
    from huggingface_hub import constants, try_to_load_from_cache

    for name in (config.hf_hub_filename, *_HUB_FILES):
        found = try_to_load_from_cache(hub, name) if name else None
        if isinstance(found, str):
            return {"file": found}
    try:
        check_connection(constants.ENDPOINT)
    except NasError as error:
        raise NasError(
            f"{error.problem}, and {hub} is not in the cache; {INSTEAD}, or load {hub} elsewhere "
            f"and put it into {constants.HF_HUB_CACHE}"
        ) from error
    return {}

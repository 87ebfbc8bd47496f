"""Find, train and ship compact networks for a person's own data under a budget of multiply-adds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.errors import NasError as NasError
    from nas.macs.count import count_macs as count_macs
    from nas.model.build import build_network as build_network
    from nas.spec.architecture import load_architecture as load_architecture
    from nas.spec.space import load_space as load_space
    from nas.train.trained import load_trained as load_trained

_HOMES = {
    "NasError": "nas.errors",
    "build_network": "nas.model.build",
    "count_macs": "nas.macs.count",
    "load_architecture": "nas.spec.architecture",
    "load_space": "nas.spec.space",
    "load_trained": "nas.train.trained",
}

__all__ = [
    "NasError",
    "build_network",
    "count_macs",
    "load_architecture",
    "load_space",
    "load_trained",
]


def __getattr__(name: str) -> Any:
    # Late, so that `nas --help` answers without importing torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

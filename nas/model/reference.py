"""Networks of other libraries by name: torchvision, timm, and the user's own modules."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from nas.errors import NasError, did_you_mean
from nas.model.download import timm_overlay, torchvision_state
from nas.model.weights_file import load_file_into

_INSTALL = {
    "torchvision": "pip install --upgrade torch torchvision",
    "timm": "pip install 'compact-nas[timm]'",
}

_OURS = ("baselines.covid.effdet", "baselines.covid.faster_rcnn")
"""Modules of this package whose networks a file may name."""
_allowed: set[str] = set()

# Left unset, their builders warn that the default of init_weights will change.
_OLD_INCEPTIONS = ("googlenet", "inception_v3")


def load_reference(
    model: str,
    classes: int | None,
    *,
    pretrained: bool = False,
    weights: Path | None = None,
    input_size: tuple[int, int] | None = None,
) -> nn.Module:
    """The network `torchvision:NAME`, `timm:NAME` or `my.module:factory`.

    Args:
        model: `my.module` must have been named by whoever runs the program (`allow_module`), and is
            looked for in the current folder too; `factory` is a module, or is called to make one,
            with `num_classes`, `pretrained` and `input_size` where it has them.
        classes: Outputs of the classifier; None keeps the library's own number.
        pretrained: Load the library's published weights, but for a classifier of other width.
        weights: Load those of this file, which has the library's names, in their place.
        input_size: (height, width) in pixels, for factories whose networks depend on it.

    Raises NasError for an unknown name, a library that is missing or broken, a module that only a
    file names, and weights that can't be had.
    """
    source, name = parse_reference(model)
    if source == "torchvision":
        return torchvision_network(name, classes, pretrained=pretrained, weights=weights)
    if source == "timm":
        options = {} if classes is None else {"num_classes": classes}
        return timm_network(name, options, pretrained=pretrained, weights=weights)
    return factory_network(
        source, name, classes, pretrained=pretrained, weights=weights, input_size=input_size
    )


def allow_module(name: str) -> None:
    """From now on an architecture's `model` may be of this module, or of one within it.

    Files can't say so: an architecture that somebody sent would run what it likes.
    """
    _allowed.add(name)


def own_module(model: str) -> str | None:
    """`my.module` of `my.module:factory`; None for networks of libraries and of this package."""
    source, colon, _ = model.partition(":")
    return source if colon and source not in (*_INSTALL, *_OURS) else None


def counted_network(model: str, *, input_size: tuple[int, int]) -> nn.Module:
    """As `load_reference`, and any network of torchvision, also a detector: to be counted only."""
    source, name = parse_reference(model)
    if source == "torchvision":
        models = _import_library("torchvision").models
        if name in models.list_models() and name not in models.list_models(module=models):
            builder = models.get_model_builder(name)
            unset = ("weights", "weights_backbone")
            options = {key: None for key in unset if _takes(builder, key)}
            network: nn.Module = builder(**options)
            return network
    return load_reference(model, None, input_size=input_size)


def parse_reference(model: str) -> tuple[str, str]:
    """`torchvision`, `timm` or a module, and what to take of it. Raises NasError for no such."""
    source, colon, name = model.partition(":")
    if not (source and colon and name):
        raise NasError(
            f"model {model!r} is not understood: "
            "write torchvision:NAME, timm:NAME or my.module:factory"
        )
    return source, name


def torchvision_network(
    name: str, classes: int | None, *, pretrained: bool, weights: Path | None = None
) -> nn.Module:
    """The classifier of that name, as `load_reference` gives it."""
    models = _import_library("torchvision").models
    names = models.list_models(module=models)
    if name not in names:
        raise NasError(f"torchvision has no classifier {name!r}{did_you_mean(name, names)}")
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if name in _OLD_INCEPTIONS:
        options |= {"init_weights": True, "transform_input": pretrained}
    network: nn.Module = models.get_model(name, weights=None, **options)
    if weights is not None:
        load_file_into(network, weights)
    elif pretrained:
        state = torchvision_state(models.get_model_weights(name).DEFAULT)
        own = network.state_dict()
        fitting = {
            key: value
            for key, value in state.items()
            if key in own and own[key].shape == value.shape
        }
        network.load_state_dict(fitting, strict=False)
    return network


def timm_network(
    name: str, options: Mapping[str, Any], *, pretrained: bool, weights: Path | None = None
) -> nn.Module:
    """The network of that name; `options` go to its builder. Raises as `load_reference` does."""
    timm = _import_library("timm")
    known = name.partition(".")[0]
    if not timm.is_model(known):
        raise NasError(f"timm has no model {known!r}{did_you_mean(known, timm.list_models())}")
    pretrained = pretrained and weights is None
    try:
        if pretrained and "pretrained_cfg_overlay" not in options:
            overlay = timm_overlay(timm.get_pretrained_cfg(name))
            options = {**options, "pretrained_cfg_overlay": overlay} if overlay else options
        network: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:  # the hub's client has errors of many kinds
        problem = (
            f"weights of {name} could not be had" if pretrained else f"{name} could not be built"
        )
        raise NasError(f"timm: {problem}: {_first_line(error)}") from error
    if weights is not None:
        load_file_into(network, weights)
    return network


def _import_library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        raise NasError(f"{missing} is not installed: {_INSTALL[name]}") from error
    except (ImportError, RuntimeError) as error:  # of torchvision's compiled part
        raise NasError(
            f"{name} does not fit the installed torch ({_first_line(error)}): "
            f"{_INSTALL['torchvision']}"
        ) from error


def factory_network(
    source: str,
    name: str,
    classes: int | None,
    *,
    pretrained: bool,
    weights: Path | None = None,
    input_size: tuple[int, int] | None = None,
) -> nn.Module:
    """What the user's own `source:name` gives. Raises as `load_reference` does."""
    module = _import_own(source)
    if not hasattr(module, name):
        public = [word for word in vars(module) if not word.startswith("_")]
        raise NasError(f"{source} has no {name!r}{did_you_mean(name, public)}")
    factory = getattr(module, name)
    network = (
        factory
        if isinstance(factory, nn.Module)
        else _call(
            factory,
            f"{source}:{name}",
            {"num_classes": classes, "input_size": input_size},
            pretrained=pretrained and weights is None,
        )
    )
    if not isinstance(network, nn.Module):
        raise NasError(f"{source}:{name} gives a {type(network).__name__}, not a torch.nn.Module")
    if weights is not None:  # a wrapped network says which one the library's names are of
        within = getattr(network, "library_network", network)
        load_file_into(within, weights, of_classes=getattr(network, "of_classes", ()))
    return network


def _import_own(source: str) -> ModuleType:
    ours = source in _OURS
    if not ours and not any(f"{source}.".startswith(f"{name}.") for name in _allowed):
        raise NasError(
            f"{source} is code of your own, which a file can't ask for: if you trust it, name it, "
            f"--import {source} (in Python nas.load_plugins([{source!r}]))",
            key="model",
        )
    folder = os.getcwd()
    if not ours:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(source)
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise NasError(f"{source} can't be imported: {_reason(error)}") from error
    finally:
        if not ours:
            sys.path.remove(folder)


def _call(
    factory: Callable[..., object], model: str, offered: Mapping[str, object], *, pretrained: bool
) -> object:
    if not callable(factory):
        raise NasError(
            f"{model} is a {type(factory).__name__}; needed is a torch.nn.Module or what makes one"
        )
    options = {
        name: value
        for name, value in offered.items()
        if value is not None and _takes(factory, name)
    }
    if pretrained:
        if not _takes(factory, "pretrained"):
            raise NasError(
                f"{model} has no parameter 'pretrained', so it has no pretrained weights to load"
            )
        options["pretrained"] = True
    try:
        return factory(**options)
    except NasError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise NasError(f"{model} failed: {_reason(error)}") from error


def _takes(factory: Callable[..., object], parameter: str) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    return any(p.name == parameter or p.kind is p.VAR_KEYWORD for p in parameters)


def _reason(error: Exception | SystemExit) -> str:
    """`KeyError: 'oops'`; of a module or a factory that ends the program, that it does."""
    if isinstance(error, SystemExit):
        return f"it ends the program (SystemExit: {error})"
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]

"""What tests of the big detectors share: commands, classifiers to begin with, stopped trainings."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from pydantic import JsonValue
from safetensors.torch import save_file
from torch import nn

from nas.cli.baseline_xray import detection_baseline
from nas.spec.architecture import dump_architecture
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.provenance import Provenance
from nas.train import fitting
from nas.train.plan import RunPlan
from tests.cli.conftest import invoke

D0 = ("--model", "efficientdet_d0", "--input", "3x128x128", "--threads", 1)
SMALL = "fasterrcnn_mobilenet_v3_large_320_fpn"


def done(*arguments: object) -> Result:
    result = invoke(detection_baseline, *arguments)
    assert result.exception is None, result.output
    return result


def plan_of(plans: list[RunPlan], *arguments: object) -> RunPlan:
    done(*D0, *arguments)
    return plans.pop()


def classifier(folder: Path, network: nn.Module, **facts: JsonValue) -> Path:
    """A run as far as its weights, on the built-in set, or on what `facts` say."""
    folder.mkdir(parents=True)
    write_facts(folder, **facts)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder


def write_facts(run: Path, **facts: JsonValue) -> None:
    architecture = ArchitectureSpec(
        name="b0",
        input=InputSpec(height=64, width=64),
        model="timm:efficientnet_b0",
        classes=("none", "opacity"),
        task="covid-study",
        provenance=Provenance.model_validate(facts),
    )
    (run / "architecture.yaml").write_text(dump_architecture(architecture))


class Stopped(Exception):
    """In place of a kill."""


def begun_with(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Filled with the weights that a training begins with; it is stopped there."""
    weights: dict[str, torch.Tensor] = {}

    def noted(network: nn.Module, *arguments: Any, **options: Any) -> Any:
        weights.update({name: value.clone() for name, value in network.state_dict().items()})
        raise Stopped

    monkeypatch.setattr(fitting, "fit_rounds", noted)
    return weights


def shared_with(weights: dict[str, torch.Tensor], prefix: str, run: Path, there: str = "") -> bool:
    """Whether the backbone, all names behind `prefix`, is that of the run's classifier."""
    from safetensors.torch import load_file

    given = load_file(run / "model.safetensors")
    names = [name.removeprefix(prefix) for name in weights if name.startswith(prefix)]
    assert len(names) > 100
    return all(torch.equal(weights[prefix + name], given[there + name]) for name in names)

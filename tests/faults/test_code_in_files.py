"""Files that ask for code to be run: none is imported that the command line does not name."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import nas
from nas.cli.macs import macs
from nas.errors import NasError
from nas.model import reference
from nas.train.trained import load_trained
from tests.cli.conftest import error_of, invoke

ROOT = Path(__file__).parents[2]
OWN = """
from pathlib import Path
from torch import nn

Path("ran").touch()

def net(num_classes=10):
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, num_classes))
"""
ASKING = (
    "sent_nets:net",
    "sys:exit",
    "os:abort",
    "builtins:exit",
    "torch.nn:Identity",
    "nas.plugins:load_plugins",
    "baselines.covid.effdet.sent_nets:net",
    "baselines.covid:sent_nets",
)
FILE = "name: sent\ninput: {channels: 3, height: 16, width: 24}\nmodel: "


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with a module that leaves a mark when it is imported."""
    (tmp_path / "sent_nets.py").write_text(OWN)
    package = tmp_path / "baselines" / "covid"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").write_text("open('ran', 'w')")
    (package / "effdet.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(reference, "_allowed", set())
    for name in ("sent_nets", "leaving_nets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize("model", ASKING)
def test_an_architecture_file_runs_nothing(model: str, folder: Path) -> None:
    """All commands build and load networks by these two functions."""
    (folder / "architecture.yaml").write_text(f"{FILE}{model}\npreprocess: {{kind: image}}\n")
    architecture = nas.load_architecture(folder / "architecture.yaml")
    for load in (partial(load_trained, folder), partial(nas.build_network, architecture)):
        with pytest.raises(NasError) as caught:
            load()
        assert f"--import {model.partition(':')[0]}" in str(caught.value)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("model", ["baselines.covid.effdet:warnings", "baselines.covid.effdet:Any"])
def test_our_own_modules_give_networks_only(model: str, folder: Path) -> None:
    with pytest.raises(NasError, match=r"is a module; needed|failed: TypeError"):
        reference.load_reference(model, None)
    assert not (folder / "ran").exists()


@pytest.mark.slow
def test_what_the_command_line_names_is_used(folder: Path) -> None:
    (folder / "sent.yaml").write_text(f"{FILE}sent_nets:net\nclasses: 3\n")
    assert "--import sent_nets" in error_of(macs, "--arch", "sent.yaml")
    assert not (folder / "ran").exists()
    named = invoke(macs, "--model", "sent_nets:net", "--input", "3x16x24", "--json")
    assert json.loads(named.stdout)["macs"] == 120
    program = "from nas.cli.main import main; main()"
    words = "macs --arch sent.yaml --import sent_nets --json"
    said = subprocess.run(
        [sys.executable, "-P", "-c", program, *words.split()],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert '"macs": 36' in said.stdout, said.stderr


def test_in_python_the_module_is_named_too(folder: Path) -> None:
    (folder / "sent.yaml").write_text(f"{FILE}sent_nets:net\nclasses: 3\n")
    architecture = nas.load_architecture("sent.yaml")
    with pytest.raises(NasError, match=r"nas\.load_plugins\(\['sent_nets'\]\)"):
        nas.build_network(architecture)
    nas.load_plugins(["sent_nets"])
    assert nas.count_macs(nas.build_network(architecture), (3, 16, 24)).total == 36


LEAVING = """
import sys
from torch import nn

def factory():
    sys.exit()

def number():
    return 3

class Forward(nn.Module):
    def forward(self, x):
        sys.exit(0)
"""


@pytest.mark.parametrize("name", ["factory", "number", "Forward"])
def test_code_that_ends_the_program_is_an_error(name: str, folder: Path) -> None:
    (folder / "leaving_nets.py").write_text(LEAVING)
    assert f"leaving_nets:{name}" in error_of(macs, "--model", f"leaving_nets:{name}")

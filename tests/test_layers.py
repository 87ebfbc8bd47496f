"""The layers of the design: who may import whom, and what importing costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {
    "blocks": 0,
    "nas": 1, "nas.errors": 1, "nas.files": 1, "nas.machine": 1, "nas.metrics": 1,
    "nas.text_table": 1,
    "nas.spec": 2,
    "nas.model": 3, "nas.macs": 3, "nas.data": 3, "nas.runs": 3, "nas.device": 3,
    "nas.tasks": 4,
    "nas.report": 5, "nas.plugins": 5,
    "nas.train": 6,
    "nas.search": 7, "nas.export": 7, "baselines": 7,
    "nas.cli": 8, "nas.testing": 8,
}  # fmt: skip
"""Layer of each package; packages of one layer are siblings and don't import each other."""
ONLY = {"optuna": "nas.search", "click": "nas.cli", "typer": "nas.cli"}
ROOMS = ("blocks", "nas", "baselines")
BLOCKS_MAY = {"torch", "pydantic"}
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def package_of(module: str) -> str:
    """`nas.spec` for `nas.spec.load`, `blocks` for `blocks.conv`."""
    first, *rest = module.split(".")
    return ".".join([first, *rest[:1]]) if first == "nas" else first


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import, those in functions and for type checkers included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            if node.module == "nas":
                yield from ((node.lineno, f"nas.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def wrong(path: Path) -> Iterator[str]:
    """Each import of a file that the layers forbid."""
    own = package_of(module_of(path))
    if own == "nas":  # the package's own names are looked up on demand
        return
    for line, module in imports(path):
        root, package = module.split(".")[0], package_of(module)
        place = f"{path.relative_to(ROOT)}:{line} imports {module}"
        if root in ROOMS and package != own:
            if package not in LAYERS:
                yield f"{place}, which has no layer"
            elif LAYERS[package] >= LAYERS[own]:
                yield f"{place}, which is not below {own}"
        if root in ONLY and own != ONLY[root]:
            yield f"{place}, which only {ONLY[root]} may"
        foreign = root not in sys.stdlib_module_names and root != "blocks"
        if own == "blocks" and foreign and root not in BLOCKS_MAY:
            yield f"{place}, which blocks may not"
        if root in ("tests", "benchmarks"):
            yield place


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_imports_from_lower_layers_only(path: Path) -> None:
    assert package_of(module_of(path)) in LAYERS
    assert list(wrong(path)) == []


def test_the_check_sees_imports_of_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "nas" / "macs" / "bad.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import optuna\nfrom nas.spec.load import read_document\nfrom nas import model\n"
        "def f():\n    import nas.data.image.load\n    from click import echo\n"
        "    import baselines.sed\n"
    )
    assert [text.split(" imports ")[1].split(",")[0] for text in wrong(path)] == [
        "optuna", "nas.model", "nas.data.image.load", "click", "baselines.sed",
    ]  # fmt: skip


def imported(module: str) -> set[str]:
    """What a fresh interpreter has loaded after importing `module`."""
    code = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr == ""
    return set(done.stdout.split())


KINDS = ("audio", "image", "xray")
"""Rooms of `nas.data` with the same names inside."""


def test_kinds_of_data_know_what_is_shared_and_not_each_other() -> None:
    for path in sorted((ROOT / "nas" / "data").rglob("*.py")):
        own = path.parent.name
        if own == "synthetic":
            continue  # made as the tables of a kind have it
        others = tuple(f"nas.data.{kind}" for kind in KINDS if kind != own)
        if own == "data":
            others += ("nas.data.synthetic",)
        found = [module for _, module in imports(path) if module.startswith(others)]
        assert found == [], path


def test_kinds_of_data_have_the_same_names_inside() -> None:
    same = {"source", "listing", "splits", "load", "dataset", "statistics"}
    for kind in KINDS:
        names = {path.stem for path in (ROOT / "nas" / "data" / kind).glob("*.py")}
        assert same <= names, kind


def test_the_command_line_is_there_before_anything_heavy() -> None:
    heavy = {"torch", "torchvision", "optuna", "numpy", "sklearn", "matplotlib", "PIL", "pydantic"}
    assert imported("nas.cli.main") & (heavy | {"soundfile", "baselines"}) == set()
    assert "torch" not in imported("nas")


@pytest.mark.slow
def test_importing_a_library_module_draws_no_number() -> None:
    modules = "nas.spec.space, nas.model.build, nas.macs.count, nas.train.loop, nas.search.run"
    code = (
        "import random; random.seed(5); a = random.getstate()\n"
        "import torch; torch.manual_seed(5); b = torch.get_rng_state()\n"
        "threads = torch.get_num_threads()\n"
        f"import {modules}\n"
        "assert random.getstate() == a and torch.equal(torch.get_rng_state(), b)\n"
        "assert torch.get_num_threads() == threads and not torch.cuda.is_initialized()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_help_imports_no_command() -> None:
    """Its cost is what it imports: one module of ours beside click and the errors."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from nas.cli.main import main\n"
        "main()"
    )
    command = [sys.executable, "-c", program, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "search" in done.stdout
    loaded = {module for module in done.stderr.split() if module.split(".")[0] in ROOMS}
    own = {"nas.cli", "nas.cli.main", "nas.cli.interrupt"}
    assert loaded == {"nas", "nas.errors", "nas.text_table", *own}

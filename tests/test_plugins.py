"""What is imported for plug-ins, and what is said of one that can't be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from blocks import BLOCKS
from blocks.conv import ConvConfig
from nas import plugins
from nas.errors import NasError
from nas.tasks.registry import TASKS

ROOT = Path(__file__).parents[1]
BLOCK = """
from typing import ClassVar
from blocks import register_block
from blocks.conv import ConvConfig

@register_block
class {name}Config(ConvConfig):
    name: ClassVar[str] = "{name}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder; what is registered and imported from it is forgotten afterwards."""
    blocks, tasks, modules = dict(BLOCKS._configs), dict(TASKS._tasks), set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    plugins._load_entry_points.cache_clear()
    yield tmp_path
    plugins._load_entry_points.cache_clear()
    BLOCKS._configs, TASKS._tasks = blocks, tasks
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_module_of_the_current_folder_registers_its_block(folder: Path) -> None:
    (folder / "my_blocks.py").write_text(BLOCK.format(name="Mine"))
    plugins.load_plugins(["my_blocks"])
    plugins.load_plugins(["my_blocks"])  # as a search that goes on in the same process does
    assert BLOCKS["Mine"].name == "Mine"


def test_a_module_that_fails_is_named_with_the_flag_and_the_reason(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_package\n")
    (folder / "twice.py").write_text(BLOCK.format(name="Conv"))
    for name, reason in (
        ("absent", "ModuleNotFoundError: No module named 'absent'"),
        ("absent.deeper", "ModuleNotFoundError: No module named 'absent'"),
        ("broken", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("twice", "ValueError: block 'Conv' is registered already"),
    ):
        with pytest.raises(NasError) as caught:
            plugins.load_plugins([name])
        assert str(caught.value).startswith(f"--import: {name} can't be imported: {reason}")
    assert BLOCKS["Conv"] is ConvConfig


def test_entry_points_name_modules_blocks_and_tasks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "registers.py").write_text(BLOCK.format(name="Registers"))
    (folder / "offers.py").write_text(BLOCK.format(name="Offers").replace("@register_block", ""))
    (folder / "solves.py").write_text(
        "from nas.tasks.image.task import ImageTask\n"
        "class Other(ImageTask):\n    name = 'other'\nTASK = Other()\n"
    )
    _install(
        monkeypatch,
        EntryPoint("one", "registers", "nas.blocks"),
        EntryPoint("same", "registers:RegistersConfig", "nas.blocks"),
        EntryPoint("two", "offers:OffersConfig", "nas.blocks"),
        EntryPoint("three", "solves:TASK", "nas.tasks"),
    )
    monkeypatch.syspath_prepend(folder)
    plugins.load_plugins()
    assert BLOCKS["Registers"].name == "Registers"
    assert BLOCKS["Offers"].name == "Offers"
    assert TASKS["other"].name == "other"


def test_an_entry_point_that_fails_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, EntryPoint("mine", "absent", "nas.tasks"))
    with pytest.raises(NasError, match=r"^entry point nas\.tasks: mine: can't be loaded: Module"):
        plugins.load_plugins()


def _install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def of_group(group: str) -> list[EntryPoint]:
        return [point for point in points if point.group == group]

    monkeypatch.setattr(plugins, "entry_points", of_group)


@pytest.mark.slow
def test_the_running_program_is_not_imported_again(folder: Path) -> None:
    """Its block would be registered twice, here and in a worker that it spawns."""
    program = BLOCK.format(name="Mine") + (
        "from multiprocessing import get_context\n"
        "from blocks import BLOCKS\n"
        "from nas.plugins import load_plugins\n"
        "def work():\n    load_plugins(['program'])\n    print(BLOCKS['Mine'].__module__)\n"
        "if __name__ == '__main__':\n"
        "    work()\n"
        "    worker = get_context('spawn').Process(target=work)\n"
        "    worker.start(); worker.join()\n"
    )
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split() == ["__main__", "__mp_main__"], done.stderr

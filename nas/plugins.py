"""Plug-ins: modules that the command line names, and entry points of installed packages.

A plug-in registers what it brings when it is imported: `register_block`, `register_task`,
`register_objective`, `register_op`; or it has networks, which an architecture's `model` may then
name. Files that are received (an architecture, a space, weights) never import one.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

from blocks import BLOCKS, BlockConfig, register_block
from nas.errors import NasError
from nas.model.reference import allow_module
from nas.tasks.base import Task
from nas.tasks.registry import TASKS, register_task

FLAG = "--import"
BLOCK_GROUP, TASK_GROUP = "nas.blocks", "nas.tasks"
"""Groups of entry points: each names a block config, a task, or a module that registers its own."""


def load_plugins(modules: Sequence[str] = ()) -> None:
    """Import the plug-ins of installed packages, then these modules; each once a process.

    An architecture file may name networks of these modules (`model: my.module:factory`). One that
    is not installed is looked for in the current folder. The running program is not imported again
    under its other name, as it has registered what it has.

    Raises NasError, naming `--import` or the entry point, for what can't be imported.
    """
    _load_entry_points()
    if modules and (folder := os.getcwd()) not in sys.path:
        sys.path.append(folder)  # it stays, for the modules' own later imports and for workers
    for name in modules:
        try:
            if not _is_running(find_spec(name)):
                import_module(name)
        except (Exception, SystemExit) as error:  # whatever the user's own code raises
            raise NasError(f"{name} can't be imported: {_reason(error)}", key=FLAG) from error
        allow_module(name)


def _is_running(spec: ModuleSpec | None) -> bool:
    """Whether the module is the program itself, or the one that spawned this worker."""
    programs = [sys.modules.get("__main__"), sys.modules.get("__mp_main__")]
    files = {getattr(program, "__file__", None) or "" for program in programs} - {""}
    own = "" if spec is None or spec.origin is None else os.path.abspath(spec.origin)
    return own in map(os.path.abspath, files)


@cache
def _load_entry_points() -> None:
    for group in (BLOCK_GROUP, TASK_GROUP):
        for point in entry_points(group=group):
            try:
                _register(point.load())
            except (Exception, SystemExit) as error:  # whatever another package raises
                raise NasError(f"can't be loaded: {_reason(error)}", key=_title(point)) from error


def _register(found: Any) -> None:
    """Take up what an entry point names, unless importing it has registered it already."""
    if isinstance(found, type) and issubclass(found, BlockConfig):
        if found.name not in BLOCKS or BLOCKS[found.name] is not found:
            register_block(found)
    elif isinstance(found, Task) and (found.name not in TASKS or TASKS[found.name] is not found):
        register_task(found)


def _title(point: EntryPoint) -> str:
    package = "" if point.dist is None else f" of {point.dist.name}"
    return f"entry point {point.group}: {point.name}{package}"


def _reason(error: Exception | SystemExit) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"

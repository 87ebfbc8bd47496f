"""Print the shape of a tree of the code: files, lines, importers, circles.

    python -m benchmarks.structure [TREE...]

Counted are nas/, blocks/, baselines/ and search_spaces/ of each tree, by default of this one; name
a checkout of an earlier state to compare with it. A module's importers are those that name it in
any import, within functions and for type checkers too; the package `nas` itself, whose names are
looked up on demand, is none.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import click

from benchmarks.program import Program
from nas.text_table import aligned

ROOMS = ("nas", "blocks", "baselines", "search_spaces")
SMALL = 60
"""Lines under which a module with one importer belongs into it."""
LONG = 400

Graph = dict[str, set[str]]


def modules_of(tree: Path) -> dict[str, Path]:
    """Every module of the rooms by its dotted name, packages too."""
    files = sorted(path for room in ROOMS for path in (tree / room).rglob("*.py"))
    return {_name(path.relative_to(tree)): path for path in files}


def _name(path: Path) -> str:
    return ".".join(part for part in path.with_suffix("").parts if part != "__init__")


def import_graph(modules: dict[str, Path]) -> Graph:
    """The modules that each module imports."""
    return {
        name: {target for target in _imported(path) if target in modules} - {name, "nas"}
        for name, path in modules.items()
        if name != "nas"
    }


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others; names in order."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted({name} | {other for other in found if name in reached.get(other, ())}))
        for name, found in reached.items()
        if name in found
    }
    return [list(group) for group in sorted(groups)]


def _reached(graph: Graph, start: str) -> set[str]:
    """All that a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def figures(tree: Path) -> dict[str, str]:
    """What is printed of one tree."""
    modules = modules_of(tree)
    graph = import_graph(modules)
    importers: dict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        for target in targets:
            importers[target].add(name)
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules.items()}
    of_cli = sum(count for name, count in lines.items() if name.startswith("nas.cli"))
    plain = [name for name, path in modules.items() if path.name != "__init__.py"]
    longest = max(plain, key=lambda name: lines[name])
    single = [name for name in plain if len(importers[name]) == 1]
    return {
        "files": f"{len(modules)}",
        "lines": f"{sum(lines.values()):,}",
        "median lines of a module": f"{median(lines[name] for name in plain):g}",
        "longest module": f"{lines[longest]} ({longest})",
        f"modules over {LONG} lines": f"{sum(lines[name] > LONG for name in plain)}",
        "modules with one importer": f"{len(single)}",
        f"of them under {SMALL} lines": f"{sum(lines[name] < SMALL for name in single)}",
        "files in nas/data": f"{sum(name.startswith('nas.data') for name in modules)}",
        "files in nas/tasks": f"{sum(name.startswith('nas.tasks') for name in modules)}",
        "lines in nas/cli": f"{of_cli:,}",
        "circles": f"{len(circles(graph))}",
    }


@click.command(cls=Program)
@click.argument("trees", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
def structure(trees: tuple[Path, ...]) -> None:
    """The shape of the code of each of TREES, side by side."""
    trees = trees or (Path(__file__).parents[1],)
    columns = [figures(tree) for tree in trees]
    rows = [("", *map(str, trees))]
    rows += [(name, *(column[name] for column in columns)) for name in columns[0]]
    click.echo("\n".join(aligned(rows, left=tuple(range(len(trees) + 1)))))


if __name__ == "__main__":
    structure()

"""The shape of a tree of code, counted on one written for it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.structure import circles, figures, import_graph, modules_of, structure

FILES = {
    "nas/__init__.py": "",
    "nas/a.py": "from nas.b import f\n",
    "nas/b.py": "def f():\n    from nas.sub import c\n",
    "nas/sub/__init__.py": "",
    "nas/sub/c.py": "import nas.a\n",
    "nas/sub/d.py": "from nas.a import g\nfrom blocks.e import h\n",
    "blocks/e.py": "x = 1\n" * 61,
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_imports_of_every_form_count(tree: Path) -> None:
    assert import_graph(modules_of(tree)) == {
        "blocks.e": set(),
        "nas.a": {"nas.b"},
        "nas.b": {"nas.sub", "nas.sub.c"},
        "nas.sub": set(),
        "nas.sub.c": {"nas.a"},
        "nas.sub.d": {"nas.a", "blocks.e"},
    }


def test_a_circle_through_functions_and_packages_is_found_once(tree: Path) -> None:
    assert circles(import_graph(modules_of(tree))) == [["nas.a", "nas.b", "nas.sub.c"]]


def test_figures(tree: Path) -> None:
    found = figures(tree)
    assert found["files"] == "7"
    assert found["lines"] == str(1 + 2 + 1 + 2 + 61)
    assert found["longest module"] == "61 (blocks.e)"
    assert found["modules with one importer"] == "3"  # b, c and e
    assert found["of them under 60 lines"] == "2"
    assert found["circles"] == "1"


def test_trees_stand_side_by_side(tree: Path) -> None:
    shown = CliRunner().invoke(structure, [str(tree), str(tree)])
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[1].split() == ["files", "7", "7"]

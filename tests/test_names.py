"""One name, one meaning: no two public classes of the packages are called alike."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("nas", "blocks", "baselines")


def public_classes(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def twins(root: Path) -> dict[str, list[str]]:
    """Each name that several modules define, with the modules."""
    found = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            for name in public_classes(file):
                found[name].append(str(file.relative_to(root)))
    return {name: files for name, files in found.items() if len(files) > 1}


def test_no_two_public_classes_share_a_name() -> None:
    assert twins(ROOT) == {}


def test_twins_are_found(tmp_path: Path) -> None:
    for package, text in (
        ("nas", "class Same: ..."),
        ("blocks/x", "class Same: ...\nclass _A: ..."),
    ):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "one.py").write_text(text)
    (tmp_path / "nas" / "two.py").write_text("class _A: ...\nclass Other: ...")
    assert twins(tmp_path) == {"Same": ["nas/one.py", "blocks/x/one.py"]}

"""Each file and each heading that a page links to is there."""

from pathlib import PurePosixPath

import pytest

import nas
from tests.docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            shown = PurePosixPath(target.relative_to(ROOT)).as_posix()
            assert anchor in anchors(shown), f"{page}: {link}; there are {sorted(anchors(shown))}"


def test_pages_that_are_not_links_are_read_whole() -> None:
    assert "sedyaml-and-the-time-axis" in anchors("docs/search-spaces.md")  # an included file
    assert "docs/measured.md#speed" in links("README.md")


def test_every_public_name_has_its_docstring_on_the_page() -> None:
    shown = {name.removeprefix("nas.") for name in anchors("docs/python-api.md")}

    assert set(nas.__all__) - {"__version__"} <= shown


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 130

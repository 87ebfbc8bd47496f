"""The pages of the documents, and what is in them: code blocks, inline code, links, anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "baselines/README.md",
    "benchmarks/README.md",
    "search_spaces/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
)
FENCE = re.compile(r'^```(\w*)(?: title="(.+?)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:    .*(?:\n|\Z)|\n(?=    ))+")
SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DOCSTRING = re.compile(r"^::: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """A block of code, without its fence or indent."""

    language: str
    text: str
    file: str = ""
    """The name that the page gives it."""


def read(page: str) -> str:
    """A page's text, the files that it includes in their places."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return SNIPPET.sub(lambda match: (ROOT / match[1]).read_text(encoding="utf-8"), text)


def prose(page: str) -> str:
    """A page without its blocks of code."""
    return INDENTED.sub("", FENCE.sub("", read(page)))


def code_blocks(page: str) -> Iterator[Code]:
    """Fenced blocks first, then indented ones, which are of the shell."""
    text = read(page)
    for match in FENCE.finditer(text):
        yield Code(match[1], match[3], match[2] or "")
    for match in INDENTED.finditer(FENCE.sub("", text)):
        lines = (line.removeprefix("    ") for line in match[0].splitlines())
        yield Code("", "\n".join(lines))


def inline_code(page: str) -> list[str]:
    """What stands between single backticks, line breaks as spaces."""
    return [" ".join(text.split()) for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def links(page: str) -> list[str]:
    """Where the page's links and pictures lead."""
    return LINK.findall(re.sub(r"`[^`]+`", "", prose(page)))


def anchors(page: str) -> set[str]:
    """What a link may name: headings, as GitHub and MkDocs both write them, and docstrings."""
    text = prose(page)
    words = (re.sub(r"[^\w\- ]", "", title.lower()).strip() for title in HEADING.findall(text))
    return {re.sub(r"[-\s]+", "-", title) for title in words} | set(DOCSTRING.findall(text))

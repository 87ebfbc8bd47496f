"""Command lines that a page shows, as a shell would split them."""

import re
import shlex
from collections.abc import Iterator

from tests.docs.pages import code_blocks, inline_code

SEPARATORS = set(";&|")
SHELL_WORDS = {"do", "then", "done"}


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command of the page, in code blocks of the shell and inline."""
    for block in code_blocks(page):
        if block.language in ("", "sh", "bash"):
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from split(line)
    for text in inline_code(page):
        if re.match(r"(nas|pip install|python -m) ", text):
            yield from split(text)


def split(line: str) -> Iterator[list[str]]:
    """The commands of one line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:  # no line of a shell: an apostrophe in a table that a program prints
        return
    for token in [*tokens, ";"]:
        if not set(token) <= SEPARATORS:
            words.append(token)
            continue
        while words and words[0] in SHELL_WORDS:
            del words[0]
        if words:
            yield words
        words = []

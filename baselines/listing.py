"""All networks of a baseline as plain text: what each costs, and what was published of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from nas.macs.count import MacsReport
from nas.spec.quantity import count_text
from nas.text_table import UNKNOWN, aligned

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """One network of a baseline."""

    name: str
    cost: MacsReport
    published: Sequence[Cells]
    """A row for each published version: its figures, then what it is published as."""


def listing(
    kind: str,
    columns: Sequence[str],
    networks: Iterable[Listed],
    closing: Sequence[str],
    *,
    left: Collection[str] = (),
    untold: Sequence[Cells] = (),
) -> list[str]:
    """A line for each network and each published version, then the lines of `closing`.

    `columns` are the titles of the published figures, those of `left` aligned to the left; `untold`
    are versions of which nobody said whose they are.
    """
    head = (kind, "MACs", "parameters", *columns, "published as")
    unpublished = (*[UNKNOWN] * len(columns), "not published")
    rows: list[Cells] = [head]
    for network in networks:
        costs = count_text(network.cost.total), count_text(network.cost.parameters)
        rows += _below((network.name, *costs), network.published or [unpublished])
    rows += _below(("not told", UNKNOWN, UNKNOWN), untold)
    aside = {0, len(head) - 1, *(head.index(title) for title in left)}
    return [*aligned(rows, left=aside), "", *closing]


def _below(start: Cells, rows: Sequence[Cells]) -> list[Cells]:
    """The rows behind `start`, which only the first one shows."""
    return [(*(start if row is rows[0] else [""] * len(start)), *row) for row in rows]

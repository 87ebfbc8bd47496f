from base64 import b64decode
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nas.report.front_plot import front_png
from nas.report.html import SearchPage, write_report
from nas.runs.records import TrialRecord
from tests.report.search_records import FOUND, RECORDS, STOPPED

FACTS: dict[str, Any] = {
    "title": "Search of tiny",
    "command": "nas search --space tiny.yaml",
    "data": "digits: 1,437 training and 360 validation images of 10 classes",
    "chosen_because": "it is the knee of the front",
    "space_yaml": "name: tiny\n",
    "settings": {"seed": 7, "training": {"epochs": 3, "ema_decay": None}},
    "environment": {"processor": "a processor", "cores": "2"},
    "architectures": {0: "name: tiny-t0\n", 2: "name: tiny-t2\n"},
    "front_png": front_png(FOUND),
}
FOUND_FIELDS = {field.name for field in fields(FOUND)}
ATTACK = "<script>alert('&')</script><img src=x onerror=alert(1)>"


class _Page(HTMLParser):
    """Tags, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += " "  # between cells
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _report(folder: Path, **changes: Any) -> _Page:
    path = folder / "report.html"
    found = {name: changes.pop(name) for name in FOUND_FIELDS & changes.keys()}
    write_report(path, SearchPage(**(FACTS | changes), found=replace(FOUND, **found)))
    return _Page(path.read_text(encoding="utf-8"))


def test_a_front_that_could_not_be_drawn(tmp_path: Path) -> None:
    page = _report(tmp_path, front_png=None)
    assert len(page.addresses) == 1
    assert "Pareto-optimal networks" in page.text


def test_report_says_what_was_run_found_and_chosen(tmp_path: Path) -> None:
    page = _report(tmp_path)
    for text in (
        "Trial 2 was chosen because it is the knee of the front: 1.86 M MACs of a budget of 20.0 M",
        "macro-F1 0.4900 (0.4571 at least, 2 other seeds; measured 0.5176 when it was found)",
        "Every macro-F1 here is of a training's best epoch on the validation split",
        "The unbiased figure is the test split's",
        "nas search --space tiny.yaml",
        "1,437 training and 360 validation images",
        "seed 7",
        "training.epochs 3",
        "training.ema_decay none",
        "processor a processor",
        "All trials (7)",
        "the loss became NaN",
        "1 over budget, not trained",
        "3 trained",
        "name: tiny-t2",
        "name: tiny-t0",
        "The search space name: tiny",
    ):
        assert text in page.text, text


def test_report_needs_no_script_no_network_and_no_other_file(tmp_path: Path) -> None:
    page = _report(tmp_path)
    assert len(page.addresses) == 2  # the front and the learning curves
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert b64decode(page.addresses[0].partition(",")[2]) == FACTS["front_png"]
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


def test_report_escapes_every_text_of_the_user(tmp_path: Path) -> None:
    record = TrialRecord(
        2, "trained", {"macs": 1_000, "parameters": 10}, 0.5, ATTACK, 1.0, ATTACK, history=(0.5,)
    )
    failed = TrialRecord(3, "failed", {"macs": 1_000, "parameters": 10}, reason=ATTACK)
    plain = _report(tmp_path, records=(record, failed), front=(2,), best=2)
    page = _report(
        tmp_path,
        title=ATTACK,
        command=ATTACK,
        data=ATTACK,
        records=(record, failed),
        front=(2,),
        best=2,
        chosen_because=ATTACK,
        space_yaml=ATTACK,
        settings={ATTACK: ATTACK, "nested": {ATTACK: [ATTACK]}},
        environment={ATTACK: ATTACK},
        architectures={2: ATTACK},
        metric=ATTACK,
    )
    assert "script" not in page.tags
    assert page.tags.count("img") == plain.tags.count("img")
    assert page.text.count(ATTACK) >= 18


def test_report_survives_a_file_name_that_is_not_unicode(tmp_path: Path) -> None:
    assert "./tr?sh: 3 classes" in _report(tmp_path, data="./tr\udce4sh: 3 classes").text


@pytest.mark.parametrize("records", [(), RECORDS[1:2]], ids=["no trial", "none trained"])
def test_report_of_a_search_without_a_trained_network(
    records: tuple[TrialRecord, ...], tmp_path: Path
) -> None:
    page = _report(tmp_path, records=records, front=(), best=None, architectures={})
    assert (
        "No network was chosen, for none was trained within the budget of 20.0 M MACs." in page.text
    )
    assert "The front is empty." in page.text


def test_report_counts_stopped_trials_and_says_why(tmp_path: Path) -> None:
    text = _report(tmp_path, records=(*RECORDS, STOPPED)).text
    assert "1 stopped early; their metric is predicted" in text
    assert "~0.4500" in text
    assert "stopped after 3 epochs: at best 0.5200, and trial 5 has 0.5500 at only 6.00 M" in text
    assert "stopped early" not in _report(tmp_path).text


def test_more_of_what_the_best_one_costs(tmp_path: Path) -> None:
    page = _report(tmp_path, cost_facts=("227 k MACs per audio second",))
    assert "1.86 M MACs (227 k MACs per audio second) of a budget of 20.0 M" in page.text

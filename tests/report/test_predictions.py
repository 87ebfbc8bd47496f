"""Predictions as text: values, mappings and tables, in both forms."""

import json
import os

import pytest

from nas.errors import NasError
from nas.report.predictions import prediction_texts
from nas.tasks.base import Prediction

TABLES = {"events": ("class", "onset_s", "offset_s")}
DOG = {"class": "dog", "onset_s": 1.5, "offset_s": 2.0}
PREDICTIONS = [
    Prediction("a.flac", {"scores": {"dog": 0.9, "hen": 0.1}, "events": [DOG, DOG]}),
    Prediction("b.flac", error="empty"),
    Prediction("c.flac", {"scores": {"dog": 0.2, "hen": 0.3}, "events": []}),
]


def test_a_csv_table_for_the_files_and_one_for_the_entries() -> None:
    texts = prediction_texts(PREDICTIONS, "csv", None, TABLES)
    assert texts == {
        "": "file,scores:dog,scores:hen,error\na.flac,0.9,0.1,\nb.flac,,,empty\nc.flac,0.2,0.3,\n",
        "events": "file,class,onset_s,offset_s\n" + 2 * "a.flac,dog,1.5,2.0\n",
    }


def test_json_holds_everything() -> None:
    (text,) = prediction_texts(PREDICTIONS, "json", None, TABLES).values()
    first, second, third = json.loads(text)
    assert first == {"file": "a.flac", **PREDICTIONS[0].values}
    assert second == {"file": "b.flac", "error": "empty"}
    assert third["events"] == []


def test_one_table_alone() -> None:
    assert list(prediction_texts(PREDICTIONS, "csv", "events", TABLES)) == [""]
    assert json.loads(prediction_texts(PREDICTIONS, "json", "events", TABLES)[""]) == 2 * [
        {"file": "a.flac", **DOG}
    ]


@pytest.mark.parametrize("index", [1, 2])
def test_a_table_without_entries_has_its_columns(index: int) -> None:
    none = [PREDICTIONS[index]]
    assert prediction_texts(none, "csv", "events", TABLES) == {"": "file,class,onset_s,offset_s\n"}
    assert prediction_texts(none, "csv", None, TABLES)["events"] == "file,class,onset_s,offset_s\n"


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(NasError, match="did you mean 'events'"):
        prediction_texts(PREDICTIONS, "csv", "event", TABLES)
    with pytest.raises(NasError, match="has none"):
        prediction_texts([Prediction("a.jpg", {"class": "tin"})], "csv", "events", {})


def test_a_name_that_is_no_text_is_escaped() -> None:
    odd = Prediction(os.fsdecode(b"caf\xe9 \xc3\xbc.flac"), PREDICTIONS[0].values)
    for form, table in (("csv", None), ("csv", "events"), ("json", None), ("json", "events")):
        for text in prediction_texts([odd], form, table, TABLES).values():
            shown = "caf\\\\xe9 ü.flac" if form == "json" else "caf\\xe9 ü.flac"
            assert shown in text
            assert text.encode("utf-8")

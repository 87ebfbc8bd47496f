"""Predictions as text: values, mappings and tables, in both forms."""

import json

import pytest

from nas.cli.prediction_tables import written
from nas.errors import NasError
from nas.tasks.base import Prediction

DOG = {"class": "dog", "onset_s": 1.5, "offset_s": 2.0}
PREDICTIONS = [
    Prediction("a.flac", {"scores": {"dog": 0.9, "hen": 0.1}, "events": [DOG, DOG]}),
    Prediction("b.flac", error="empty"),
    Prediction("c.flac", {"scores": {"dog": 0.2, "hen": 0.3}, "events": []}),
]


def test_a_csv_table_for_the_files_and_one_for_the_entries() -> None:
    texts = written(PREDICTIONS, "csv", None)
    assert texts == {
        "": "file,scores:dog,scores:hen,error\na.flac,0.9,0.1,\nb.flac,,,empty\nc.flac,0.2,0.3,\n",
        "events": "file,class,onset_s,offset_s\n" + 2 * "a.flac,dog,1.5,2.0\n",
    }


def test_json_holds_everything() -> None:
    (text,) = written(PREDICTIONS, "json", None).values()
    first, second, third = json.loads(text)
    assert first == {"file": "a.flac", **PREDICTIONS[0].values}
    assert second == {"file": "b.flac", "error": "empty"}
    assert third["events"] == []


def test_one_table_alone() -> None:
    assert list(written(PREDICTIONS, "csv", "events")) == [""]
    assert json.loads(written(PREDICTIONS, "json", "events")[""]) == 2 * [{"file": "a.flac", **DOG}]
    none = [PREDICTIONS[1]]
    assert written(none, "csv", "events") == {"": "file\n"}  # nothing could be read


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(NasError, match="did you mean 'events'"):
        written(PREDICTIONS, "csv", "event")
    with pytest.raises(NasError, match="has none"):
        written([Prediction("a.jpg", {"class": "tin"})], "csv", "events")

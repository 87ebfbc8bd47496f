"""The tables of settings name every key, with the default that it has."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from nas.spec.search import SearchSpec
from nas.spec.training import PseudoLabellingSpec, TeachingSpec, TrainingSpec
from nas.tasks.registry import TASKS
from tests.docs.pages import read

ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|", re.MULTILINE)
OURS = ("image", "sed", "covid-study", "covid-detection")


def section(page: str, title: str) -> str:
    """What stands below the first heading that has `title` in it, up to the next heading."""
    found = re.search(
        rf"^##+ [^\n]*{re.escape(title)}[^\n]*$(.*?)(?=^#|\Z)", read(page), re.M | re.S
    )
    assert found is not None, f"{page} has no heading with {title}"
    return found[1]


def shown(text: str) -> dict[str, Any]:
    """Keys and defaults of the table in `text`."""
    return {key: yaml.safe_load(default) for key, default in ROW.findall(text)}


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Each key of a model but its kind, with its default as YAML would give it."""
    values = {name: field.default for name, field in model.model_fields.items() if name != "kind"}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def kinds(area: str) -> Iterator[type[BaseModel]]:
    """The models of one of the tasks' attributes, each once."""
    yield from dict.fromkeys(model for name in OURS for model in getattr(TASKS[name], area))


@pytest.mark.parametrize(
    ("page", "title", "model"),
    [
        ("docs/training.md", "Keys", TrainingSpec),
        ("docs/training.md", "Pseudo-labelling", PseudoLabellingSpec),
        ("docs/training.md", "A teacher", TeachingSpec),
    ],
)
def test_every_key_of_a_training_is_in_its_table(
    page: str, title: str, model: type[BaseModel]
) -> None:
    assert shown(section(page, title)) == defaults(model)


def test_every_key_of_a_search_is_in_its_table() -> None:
    text = section("search_spaces/README.md", "The grammar")

    assert shown(text).items() >= defaults(SearchSpec).items()


@pytest.mark.parametrize(
    ("area", "heading"),
    [
        ("loss_types", "Losses"),
        ("augment_types", "Augmentation"),
        ("preprocess_types", "Preprocessing"),
    ],
)
def test_every_kind_of_our_tasks_has_its_table(area: str, heading: str) -> None:
    page = read("docs/training.md")
    start = page.index(f"\n## {heading}\n")
    below = page[start : page.find("\n## ", start + 1)]
    for model in kinds(area):
        kind = model.model_fields["kind"].default
        found = re.search(rf"^### [^\n]*`{kind}`$(.*?)(?=^#|\Z)", below, re.M | re.S)
        assert found is not None, f"{heading} has no table of {kind}"
        assert shown(found[1]) == defaults(model), kind

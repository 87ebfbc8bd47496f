"""`nas space`: what a space holds, and members of it."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from nas.cli.main import nas
from nas.errors import NasError
from nas.model.identity import architecture_hash
from nas.spec.architecture import parse_architecture
from nas.spec.members import Members
from nas.spec.space import load_space


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(nas, ["space", *(str(item) for item in arguments)])


def test_check_tells_members_costs_and_budget() -> None:
    done = invoke("check", "tiny.yaml", "--samples", 40)
    assert done.exit_code == 0, done.output
    assert "tiny: task image, 3 layers, 10 classes" in done.output
    assert "34 distinct networks, counted exactly" in done.output
    assert "sample      40 drawn at random" in done.output
    assert "at most 400 k MACs: 100.0% of the sample within" in done.output
    assert "requires    one logit a class: every member gets a linear head" in done.output


def test_check_as_json_has_the_figures() -> None:
    found = json.loads(invoke("check", "tiny.yaml", "--samples", 40, "--json").output)
    assert (found["members"], found["members_exact"], found["sampled"]) == (34, True, 40)
    assert 1 < found["distinct_sampled"] <= 34
    assert found["share_within_budget"] == 1.0
    names = ["minimum", "lower_quartile", "median", "upper_quartile", "maximum"]
    for figure in ("macs", "parameters"):
        values = [found[figure][name] for name in names]
        assert values == sorted(values)
        assert values[0] > 0
    assert set(found["outputs"]) == {"8x1x1", "16x1x1", "24x1x1", "32x1x1"}
    assert found["unused_choices"] == []


def test_a_budget_leaves_choices_out() -> None:
    arguments = ("check", "tiny.yaml", "--samples", 60, "--max-macs", "20k")
    found = json.loads(invoke(*arguments, "--json").output)
    assert 0 < found["share_within_budget"] < 1
    assert "stem.out.position = 1" in found["unused_choices"]
    text = invoke(*arguments).output
    assert "no sampled member within the budget has:\n" in text
    assert "  stem.out.position = 1\n" in text
    assert invoke(*arguments, "--seed", 0).output == text


def test_samples_are_members_with_their_cost() -> None:
    done = invoke("sample", "tiny.yaml", "-n", 3, "--seed", 1)
    assert done.exit_code == 0
    members = Members(load_space("tiny.yaml"))
    documents = done.output.split("--- ")[1:]
    assert len(documents) == 3
    for document in documents:
        title, _, text = document.partition("\n")
        network = parse_architecture(text)
        assert members.contains(network)
        assert f"hash {architecture_hash(network)}" in title
    assert len(list(yaml.safe_load_all(done.output))) == 3
    rows = invoke("sample", "tiny.yaml", "-n", 1, "--seed", 1, "--rows").output.partition("\n")[2]
    first = documents[0].partition("\n")[2]
    assert architecture_hash(parse_architecture(rows)) == architecture_hash(
        parse_architecture(first)
    )


def test_a_space_is_found_here_before_the_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "name: mine\ninput: {height: 8, width: 8}\nlayers:\n- {block: Conv, out: [8, 16]}\n"
    (tmp_path / "tiny.yaml").write_text(text)
    assert "mine: task image" in invoke("check", "tiny.yaml", "--samples", 10).output


def test_mistakes_are_nas_errors(tmp_path: Path) -> None:
    assert isinstance(invoke("check", "none.yaml").exception, NasError)
    assert isinstance(invoke("check", "tiny.yaml", "--max-macs", "much").exception, NasError)
    path = tmp_path / "space.yaml"
    path.write_text("task: imag\ninput: {height: 8, width: 8}\nlayers:\n- {block: Conv, out: 8}\n")
    failed = invoke("check", path).exception
    assert isinstance(failed, NasError)
    assert "imag" in str(failed)

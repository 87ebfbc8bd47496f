"""`nas space`: what a space holds, and members of it."""

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from nas.cli.main import nas
from nas.errors import NasError
from nas.model.identity import architecture_hash
from nas.spec.architecture import parse_architecture
from nas.spec.members import Members, count_draws
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
    assert "no member within the budget was found with (in the sample and 300 tries" in text
    assert "  stem.out.position = 1\n" in text
    assert invoke(*arguments, "--seed", 0).output == text


@pytest.mark.slow
def test_another_input_and_maps_that_shrink_to_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """shufflenet.yaml halves five times behind its stem's own input: 32, 16, 8, 4, 2, 1."""
    monkeypatch.setattr("nas.search.survey.count_members", count_draws)  # which takes no seconds
    arguments = ("check", "shufflenet.yaml", "--samples", 10)
    assert "small maps" not in invoke(*arguments).output
    text = invoke(*arguments, "--input", "3x32x32").output
    assert "small maps  10 of 10 have maps with a side of 1 before their last stage" in text
    assert ": 10 1x1 behind m4\n" in text
    found = json.loads(invoke(*arguments, "--input", "3x32x32", "--json").output)
    assert found["small_maps"] == {"1x1 behind m4": 10}
    sampled = invoke("sample", "shufflenet.yaml", "--input", "3x32x32").output
    title, _, document = sampled.partition("\n")
    assert title.endswith(", maps of 1x1 behind m4, before the last stage")
    assert parse_architecture(document).input.shape == (3, 32, 32)
    assert "small maps" not in invoke("check", "small-pictures.yaml", "--samples", 10).output


def test_a_bound_of_any_known_cost_counts(tmp_path: Path) -> None:
    """By name in `max` a bound of parameters is the one that has a key of its own."""
    text = load_space("tiny.yaml").document.text
    text = "".join(line for line in text.splitlines(True) if not line.startswith("budget:"))
    outputs = []
    for name, budget in (("by_name", "max: {parameters: 2000}"), ("by_key", "max_params: 2000")):
        file = tmp_path / name / "tiny.yaml"
        file.parent.mkdir()
        file.write_text(f"{text}budget: {{{budget}}}\n", encoding="utf-8")
        outputs.append(invoke("check", file, "--samples", 40).output)
    assert "at most 2.00 k parameters: " in outputs[0]
    assert "100.0%" not in outputs[0]
    assert outputs[0] == outputs[1]


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


EARS = """name: ears
task: sed
input: {channels: 1, height: [16, 40], width: 64}
head: attention
layers:
  - {block: Conv, out: [4, 8], kernel: 3, stride: 2}
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 256,
             overlap_frames: 14}
training: {epochs: 2}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("40", "600", r":7 preprocess\.fft_samples: \d+ of 600 mel bands hold no frequency"),
        ("{epochs: 2}", "{loss: {kind: focal}}", r":9 training\.loss\.kind: 'focal' is not"),
        ("{epochs: 2}", "{augment: {kind: image}}", r":9 training\.augment\.kind: 'image' is not"),
        (
            "{epochs: 2}",
            "{pseudo_labelling: {rounds: 2}}",
            r":9 training\.pseudo_labelling: a search trains in one",
        ),
    ],
)
def test_what_a_search_would_refuse_is_no_space(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "ears.yaml"
    path.write_text(EARS)
    assert "32 time steps" in invoke("check", path, "--samples", 10).output
    assert old in EARS
    path.write_text(EARS.replace(old, new))
    problem = invoke("check", path, "--samples", 10).exception
    assert isinstance(problem, NasError)
    assert re.search(r"ears\.yaml" + message, str(problem))

"""`nas arch show`: the table, the two forms, the way back through files."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blocks import BLOCKS, NECKS
from nas.cli.main import nas
from nas.errors import NasError
from nas.model.identity import architecture_hash
from nas.spec.architecture import load_architecture

ROWS = """\
input_size: [30, 40]
backbone:
  - [1, Conv, [20, 3, 2]]
  - [2, ShuffleNetV2, [2]]
  - [1, GlobalAvgPool, []]
  - [1, FixedConv, [9, 1, 1, null, 1, null]]
"""


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(nas, ["arch", "show", *(str(item) for item in arguments)])


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(ROWS)
    return path


def test_the_table_shows_each_layer_and_what_rounding_changed(rows: Path) -> None:
    done = invoke(rows)
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[0] == ["layer", "block", "in", "out", "parameters", "MACs"]
    # 24 x 3 x 3 x 3 weights and a norm of 2 x 24; each weight for each of 15 x 20 pixels
    assert lines[1] == ["layer0", "Conv", "3x30x40", "24x15x20", "696", "194,400"]
    assert lines[2][:4] == ["layer1_0", "ShuffleNetV2", "24x15x20", "48x8x10"]
    assert lines[3][:4] == ["layer1_1", "ShuffleNetV2", "48x8x10", "48x8x10"]
    assert lines[5] == ["layer3", "FixedConv", "48x1x1", "9x1x1", "450", "432"]
    columns = [[int(line[column].replace(",", "")) for line in lines[1:6]] for column in (4, 5)]
    assert lines[6] == ["total", *(f"{sum(column):,}" for column in columns)]
    assert "rounded or scaled: backbone[0] Conv: out 20 -> 24" in done.output


def test_a_linear_head_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("input: {height: 8, width: 8}\nclasses: 5\nlayers:\n- {block: Conv, out: 8}\n")
    lines = [line.split() for line in invoke(path).output.splitlines()]
    assert lines[-2] == ["linear", "Linear", "8", "5", "45", "40"]


def test_both_forms_lead_back_to_the_same_network(rows: Path, tmp_path: Path) -> None:
    before = architecture_hash(load_architecture(rows))
    named, back = tmp_path / "named.yaml", tmp_path / "back.yaml"
    named.write_text(invoke(rows, "--named").output)
    assert "{block: Conv, out: 24, kernel: 3, stride: 2" in named.read_text()
    back.write_text(invoke(named, "--rows").output)
    assert "- [2, ShuffleNetV2, [2]]" in back.read_text()
    assert invoke(back, "--rows").output == back.read_text()
    hashes = {architecture_hash(load_architecture(path)) for path in (named, back)}
    assert hashes == {before}


def test_the_input_can_be_another(rows: Path) -> None:
    assert "3x60x80" in invoke(rows, "--input", "3x60x80").output
    assert isinstance(invoke(rows, "--input", "1x60x80").exception, NasError)
    assert isinstance(invoke(rows, "--input", "60").exception, NasError)


def test_what_can_not_be_shown(rows: Path, tmp_path: Path) -> None:
    assert isinstance(invoke(rows, "--rows", "--named").exception, NasError)
    other = tmp_path / "other.yaml"
    other.write_text("input: {height: 32, width: 32}\nmodel: torchvision:resnet18\n")
    assert "nas macs --arch" in str(invoke(other).exception)
    assert isinstance(invoke(tmp_path / "none.yaml").exception, NasError)


def test_references_are_found_by_name_and_own_files_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "56,510,400" in invoke("mobilenet_v3_small").output
    Path("mobilenet_v3_small").write_text(
        "input: {channels: 3, height: 8, width: 8}\nlayers: [{block: Conv, out: 8}]\n"
    )
    assert "56,510,400" not in invoke("mobilenet_v3_small").output


def test_blocks_are_listed_with_what_they_take() -> None:
    lines = CliRunner().invoke(nas, ["arch", "blocks"]).output.splitlines()
    assert any(line.startswith("MBConv {expand, out, stride: 1, kernel: 3, se: ") for line in lines)
    assert [line.split(" ")[0] for line in lines[::2]] == [*BLOCKS, *NECKS]


def test_two_networks_are_held_against_each_other(rows: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(ROWS.replace("[2, ShuffleNetV2, [2]]", "[1, ShuffleNetV2, [2]]"))
    done = CliRunner().invoke(nas, ["arch", "diff", str(rows), str(other)])
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if "removed" in line]


def test_a_network_is_drawn_into_a_file(rows: Path, tmp_path: Path) -> None:
    picture = tmp_path / "net.svg"
    done = CliRunner().invoke(nas, ["arch", "draw", str(rows), "-o", str(picture)])
    assert done.output == f"written: {picture}\n"
    assert picture.read_text().startswith("<svg ")
    wrong = CliRunner().invoke(nas, ["arch", "draw", str(rows), "--out", "net.png"])
    assert isinstance(wrong.exception, NasError)

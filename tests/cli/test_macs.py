"""`nas macs` as it is typed."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nas.cli.macs import macs
from nas.errors import NasError

ARCHITECTURE = """
name: small
input: {channels: 3, height: 12, width: 16}
layers:
  - {name: stem, block: Conv, out: 8, kernel: 3, stride: 2, padding: 1}
  - {block: MaxPool, kernel: 2, stride: 2}
  - {block: ShuffleNetV2, stride: 2}
  - {block: GlobalAvgPool}
classes: 4
"""
STEM = 8 * 6 * 8 * 3 * 9


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(ARCHITECTURE)
    return str(path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(macs, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.stderr == ""
    return result.stdout


def test_json_is_one_object_with_the_stable_keys(file: str) -> None:
    content = json.loads(run("--arch", file, "--json"))
    memory = [f"{place}_{kind}_bytes" for place in ("flash", "ram") for kind in ("int8", "float32")]
    counts = ["macs", "parameters", "peak_activation_bytes", *memory]
    assert list(content) == [*counts, "input", "layers"]
    assert (
        content["ram_float32_bytes"]
        == content["peak_activation_bytes"]
        == 4 * content["ram_int8_bytes"]
    )
    assert content["input"] == [3, 12, 16]
    assert content["layers"][0] == {
        "name": "stem",
        "block": "Conv",
        "output": [8, 6, 8],
        "macs": STEM,
        "parameters": 8 * 27 + 16,
    }
    assert sum(layer["macs"] for layer in content["layers"]) == content["macs"]
    assert sum(layer["parameters"] for layer in content["layers"]) == content["parameters"]


def test_compare_adds_the_three_counters(file: str) -> None:
    content = json.loads(run("--arch", file, "--json", "--compare"))
    assert list(content["counters"]) == ["fvcore", "ptflops", "ptflops_aten"]
    assert content["counters"]["ptflops_aten"] == content["macs"] + 4  # the bias of the classifier


def test_csv_and_markdown_hold_the_same_layers(file: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--arch", file, "--csv"))))
    assert [row["name"] for row in rows] == ["stem", "layer1", "layer2", "layer3", "head"]
    assert (rows[0]["output"], rows[0]["macs"]) == ("8x6x8", str(STEM))
    markdown = run("--arch", file, "--markdown").splitlines()
    assert markdown[2] == "| layer | block | output | parameters | MACs | share |"
    assert markdown[4].startswith("| stem | Conv | 8x6x8 |")


@pytest.mark.parametrize("extra", [(), ("--compare",)])
def test_the_text_fits_100_columns_and_the_counters_add_up(
    file: str, extra: tuple[str, ...]
) -> None:
    for source in (
        ("--arch", file),
        ("--model", "torchvision:mobilenet_v3_small", "--input", "3x64x64"),
    ):
        text = run(*source, *extra)
        assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[0] == "input 3x64x64"
    if extra:
        lines = text.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("kind of op"))
        end = next(i for i, line in enumerate(lines) if line.startswith("total"))
        columns = [
            [int(cell.replace(",", "")) for cell in line.split()[-5:]]
            for line in lines[start + 2 : end + 1]
        ]
        assert [sum(column) for column in zip(*columns[:-1], strict=True)] == columns[-1]


def test_the_input_of_a_file_is_its_own_unless_another_is_given(file: str) -> None:
    assert json.loads(run("--arch", file, "--json", "--input", "3x24x16"))["layers"][0][
        "output"
    ] == [8, 12, 8]
    with pytest.raises(NasError, match="channels"):
        run("--arch", file, "--input", "1x24x16")


def test_a_user_s_own_factory_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_nets.py").write_text(
        "from torch import nn\ndef net():\n    return nn.Conv2d(3, 5, 1)\n"
    )
    monkeypatch.chdir(tmp_path)
    content = json.loads(run("--model", "own_nets:net", "--input", "3x4x4", "--json"))
    assert content["macs"] == 5 * 16 * 3


@pytest.mark.parametrize("text", ["3x0x4", "abc", "3x4", "3x4x4x4", "-3x4x4", "3x4x99999999", ""])
def test_a_wrong_input_is_named(file: str, text: str) -> None:
    with pytest.raises(NasError, match="--input"):
        run("--arch", file, "--input", text)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --arch FILE or --model"),
        (("--arch", "a", "--model", "b"), "give --arch FILE or --model"),
        (("--model", "torchvision:resnt18"), "did you mean 'resnet18'"),
        (("--model", "timm:mobilenetv3_smal_100"), "did you mean 'mobilenetv3_small_100'"),
        (("--model", "resnet18"), "torchvision:NAME"),
        (("--model", "no_such_module_here:net"), "can't be imported"),
        (("--model", "json:dumps"), "failed"),
        (("--model", "torch.nn:Idntity"), "did you mean 'Identity'"),
        (("--model", "torchvision:resnet18", "--compare", "--csv"), "--csv"),
        (("--model", "torchvision:resnet18", "--input", "4x32x32"), "layer 'conv1' can't run"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(NasError, match=says):
        run(*arguments)


@pytest.mark.slow
def test_counting_a_file_imports_nothing_slow() -> None:
    reference = (
        Path(__file__).parents[2] / "search_spaces" / "reference" / "mobilenet_v3_small.yaml"
    )
    program = (
        "import sys\nfrom nas.cli.macs import macs\n"
        f"macs(['--arch', {str(reference)!r}, '--json'], standalone_mode=False)\n"
        "slow = ['torchvision', 'timm', 'optuna', 'sklearn', 'matplotlib', 'fvcore', 'ptflops', "
        "'sympy', 'torch._dynamo']\n"
        "print([name for name in slow if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["macs"] == 56_510_400
    assert done.stderr.strip() == "[]"


def test_one_form_at_a_time() -> None:
    result = CliRunner().invoke(macs, ["--arch", "mobilenet_v3_small", "--json", "--csv"])
    assert isinstance(result.exception, NasError)
    assert "one of them" in str(result.exception)


EAR = """name: ear
task: sed
input: {channels: 1, height: 32, width: 64}
head: attention
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 256,
             overlap_frames: 14}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("overlap_frames: 14", "overlap_frames: 64", r":8 preprocess\.overlap_frames: windows of"),
        ("overlap_frames: 14", "overlap_frames: 90", r":8 preprocess\.overlap_frames: windows of"),
        ("head: attention", "head: linear", r":4 head: 'linear' is not allowed"),
        ("stride: 2", "stride: 8", r":5 layers: the features have 8 time steps"),
        ("channels: 1", "channels: 4", r":3 input\.channels: 4 is not allowed"),
        ("height: 32", "height: 300", r":7 preprocess\.fft_samples: \d+ of 300 mel bands hold no"),
        ("task: sed", "task: image", r":7 preprocess"),
        ("task: sed", "task: seed", r":2 task: no task 'seed'; did you mean 'sed'\?"),
    ],
)
def test_a_network_that_its_task_cannot_use_has_no_cost(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "ear.yaml"
    path.write_text(EAR)
    assert "audio" in run("--arch", str(path))
    path.write_text(EAR.replace(old, new))
    with pytest.raises(NasError, match=r"ear\.yaml" + message):
        run("--arch", str(path))

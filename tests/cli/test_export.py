"""`nas export`: files that compute what their networks do, and none where they don't."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import Result
from torch import nn

import nas
from nas.cli.evaluate import evaluate
from nas.cli.export import export
from nas.cli.predict import predict
from nas.cli.train import train
from nas.errors import NasError
from nas.export import run as run_module
from nas.export import targets
from nas.train.weights import WEIGHTS_FILE, save_weights
from tests.cli.conftest import error_of, invoke


def outputs(file: Path, x: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found: list[np.ndarray[Any, Any]] = session.run(None, {"input": x})
    return found


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_the_file_computes_what_the_network_does(
    exported: tuple[Path, Result], run: Path, samples: int
) -> None:
    x_NCHW = torch.randn((samples, 3, 16, 24), generator=torch.Generator().manual_seed(samples))
    with torch.inference_mode():
        expected = nas.load_trained(run).network(x_NCHW).numpy()
    (found,) = outputs(exported[0], x_NCHW.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_says_what_it_is_and_nothing_of_the_machine_it_was_made_on(
    exported: tuple[Path, Result], run: Path
) -> None:
    file, _ = exported
    model = onnx.load(file)
    assert {node.op_type for node in model.graph.node}.isdisjoint({"BatchNormalization"})
    assert sys.prefix.encode() not in file.read_bytes()
    assert str(Path(nas.__file__).parent).encode() not in file.read_bytes()
    beside = json.loads(file.with_suffix(".json").read_text())
    inside = {item.key: item.value for item in model.metadata_props}
    assert json.loads(inside["classes"]) == beside["classes"] == ["blue", "green", "red"]
    assert beside["inputs"] == [{"name": "input", "type": "float32", "shape": ["batch", 3, 16, 24]}]
    assert beside["outputs"] == [{"name": "logits", "type": "float32", "shape": ["batch", 3]}]
    assert beside["macs"] == json.loads((run / "metrics.json").read_text())["macs"]
    assert "teacher" not in beside["architecture"]


def test_what_was_measured_is_kept_and_printed(exported: tuple[Path, Result], run: Path) -> None:
    file, result = exported
    kept = json.loads((run / "export.json").read_text())["model.onnx"]
    trained = json.loads((run / "metrics.json").read_text())
    assert kept["samples"] == 18
    assert kept["equal_decisions"] == 1.0
    assert 0 <= kept["largest_difference"]["logits"] < 1e-5
    assert kept["pytorch"] == kept["file"] == trained["validation"]
    assert kept["size_bytes"] == file.stat().st_size
    # 4 bytes a weight; the folded normalisations leave a bias each
    assert kept["weight_bytes"] == pytest.approx(4 * trained["parameters"], rel=0.1)
    assert "equal decisions" in result.output
    if (memory := kept["peak_memory"]) is not None:
        assert 10e6 < memory["runtime_bytes"] < memory["total_bytes"] < 500e6


def test_evaluate_and_predict_take_the_file_as_the_run(
    exported: tuple[Path, Result], run: Path, photos: Path
) -> None:
    file, _ = exported
    assert invoke(evaluate, file, "--json").output == invoke(evaluate, run, "--json").output
    answers = [json.loads(invoke(predict, it, photos / "test").output) for it in (file, run)]
    for of_file, of_run in zip(*answers, strict=True):
        assert of_file["class"] == of_run["class"]
        assert of_file["probabilities"] == pytest.approx(of_run["probabilities"], abs=1e-5)


def test_with_preprocess_pixels_go_in(
    run: Path, photos: Path, tmp_path: Path, exported: tuple[Path, Result]
) -> None:
    file = tmp_path / "pixels.onnx"
    assert invoke(export, run, "--with-preprocess", "--out", file).exception is None
    said = json.loads(file.with_suffix(".json").read_text())
    assert said["inputs"] == [{"name": "input", "type": "uint8", "shape": ["batch", 16, 24, 3]}]
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
    mean, std = (np.array(said["preprocess"][name]) for name in ("mean", "std"))
    normalised = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    (found,), (expected,) = outputs(file, pixels), outputs(exported[0], normalised)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert invoke(evaluate, file, "--json").output == invoke(evaluate, run, "--json").output
    kept = json.loads((run / "export.json").read_text())
    assert {"model.onnx", str(file)} <= set(kept)


@pytest.mark.slow
def test_runs_together_are_one_graph_of_their_mean(
    run: Path, exported: tuple[Path, Result], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("architecture.yaml", "metrics.json"):
        (other / name).write_bytes((run / name).read_bytes())
    network = nas.load_trained(run).network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    save_weights(network, other / WEIGHTS_FILE)
    file = tmp_path / "mean.onnx"
    assert invoke(export, run, "--with", other, "--out", file).exception is None
    x = np.random.default_rng(1).normal(size=(4, 3, 16, 24)).astype(np.float32)
    (mean,) = outputs(file, x)
    with torch.inference_mode():
        both = [nas.load_trained(it).network(torch.from_numpy(x)).softmax(1) for it in (run, other)]
    expected = ((both[0] + both[1]) / 2).numpy()
    np.testing.assert_allclose(np.exp(mean), expected, atol=1e-5)


def test_a_file_that_computes_otherwise_is_not_left(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = targets.write_onnx

    def write_changed(network: nn.Module, *rest: Any) -> None:
        with torch.no_grad():
            next(network.parameters()).mul_(1.01)
        write(network, *rest)

    monkeypatch.setattr(targets, "write_onnx", write_changed)
    before = (run / "export.json").read_text() if (run / "export.json").exists() else None
    result = invoke(export, run, "--out", tmp_path / "wrong.onnx")
    assert "not exported: logits differs by" in str(result.exception)
    assert "largest difference of logits" in result.output
    assert list(tmp_path.iterdir()) == []
    after = (run / "export.json").read_text() if (run / "export.json").exists() else None
    assert after == before


def test_a_missing_package_names_the_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install 'compact-nas[onnx]'" in error_of(export, run)


def test_files_that_nobody_exported_are_refused(
    exported: tuple[Path, Result], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(exported[0].read_bytes()[:1000])
    assert f"{damaged}: onnxruntime can't read it" in error_of(evaluate, damaged)
    model = onnx.load(exported[0])
    model.ClearField("metadata_props")
    onnx.save(model, tmp_path / "foreign.onnx")
    assert "a file that `nas export` wrote" in error_of(evaluate, tmp_path / "foreign.onnx")
    assert "is exported already" in error_of(export, exported[0])
    run = exported[0].parent
    assert "is exported already" in error_of(export, run, "--with", exported[0])
    assert "give a run's folder, or an .onnx file" in error_of(evaluate, run / "model.json")
    for name in ("export.onnx", "metrics.onnx"):
        assert "would be written beside it" in error_of(export, run, "--out", run / name)
    assert "ends in .onnx" in error_of(export, exported[0].parent, "--out", tmp_path / "x.tflite")


def test_a_drop_is_allowed_to_eight_bits_alone(run: Path) -> None:
    assert error_of(export, run, "--max-drop", 0.1).startswith("--max-drop: is for --int8 alone")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("normalises", "maybe"),
        ("normalises", "true"),
        ("thresholds", "[0.5]"),
        ("thresholds", ""),
        ("classes", '["green", "blue", "red"]'),
    ],
)
def test_metadata_that_changed_are_refused(
    name: str, value: str, exported: tuple[Path, Result], photos: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported[0])
    for item in model.metadata_props:
        if item.key == name:
            item.value = value
    onnx.save(model, file := tmp_path / "changed.onnx")
    for command, rest in ((evaluate, ()), (predict, (next(photos.rglob("*.jpg")),))):
        said = error_of(command, file, *rest)
        assert said.startswith(f"{file}: ")
        assert said.endswith("export it again")


def test_classes_that_changed_everywhere_alike_are_refused(
    exported: tuple[Path, Result], photos: Path, tmp_path: Path
) -> None:
    """The outputs still are as many as before."""
    model = onnx.load(exported[0])
    for item in model.metadata_props:
        if item.key == "classes":
            item.value = json.dumps([*json.loads(item.value), "more"])
        elif item.key == "architecture":
            item.value = item.value.replace("green, red]", "green, red, more]")
            assert "more" in item.value
    onnx.save(model, file := tmp_path / "changed.onnx")
    for command, rest in ((evaluate, ()), (predict, (next(photos.rglob("*.jpg")),))):
        assert error_of(command, file, *rest).endswith("export it again")


@dataclass(frozen=True)
class Written:
    """As much of an export's result as is recorded."""

    file: Path

    def as_json(self) -> dict[str, Any]:
        return {"bytes": 1}


def test_exports_at_the_same_time_are_all_recorded(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.onnx" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        record = partial(run_module._record, tmp_path / "export.json")
        list(pool.map(record, [Written(file) for file in files]))
    recorded = json.loads((tmp_path / "export.json").read_text())
    assert sorted(recorded) == sorted(file.name for file in files)


def test_a_place_that_is_taken_is_left_as_it_is(run: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "folder.onnx").mkdir()
    with pytest.raises(NasError, match="is a folder; give the name of a file"):
        nas.export_run(run, out=folder)
    (beside := tmp_path / "labels.json").write_text('{"mine": 1}')
    said = error_of(export, run, "--out", tmp_path / "labels.onnx")
    assert "labels.json would be written beside it" in said
    assert beside.read_text() == '{"mine": 1}'
    assert "give another name" in error_of(export, run, "--out", run / "export.onnx")
    assert sorted(tmp_path.iterdir()) == [folder, beside]


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_that_says_there_is_a_file(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    limits, out = resource.getrlimit(resource.RLIMIT_FSIZE), tmp_path / "out"
    compare = run_module.compare

    def compare_then_fill(*given: Any) -> Any:
        found = compare(*given)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024, limits[1]))
        return found

    monkeypatch.setattr(run_module, "compare", compare_then_fill)
    try:
        result = invoke(export, run, "--out", out / "model.onnx")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(result.exception, OSError)
    assert list(out.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("task", ["study", "detection"])
def test_xrays_leave_with_their_notice(
    task: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run: Path = request.getfixturevalue(f"{task}_run")
    file = tmp_path / "lungs.onnx"
    result = invoke(export, run, "--with-preprocess", "--out", file)
    assert result.exception is None, result.output
    assert "not for diagnosis" in result.stderr
    said = json.loads(file.with_suffix(".json").read_text())
    assert "not for diagnosis" in said["notice"]
    assert said["thresholds"].keys() == (set(said["classes"]) if task == "detection" else set())
    assert invoke(evaluate, file, "--json").stdout == invoke(evaluate, run, "--json").stdout


@pytest.mark.slow
@pytest.mark.parametrize("model", ["torchvision:mobilenet_v3_small", "timm:efficientnet_lite0"])
def test_networks_of_other_libraries(model: str, photos: Path, tmp_path: Path) -> None:
    size = ("--input", "3x32x48", "--epochs", 1, "--batch-size", 16, "--threads", 1)
    result = invoke(train, "--model", model, "--data", photos, "--out", tmp_path / "run", *size)
    assert result.exception is None, result.output
    assert invoke(export, tmp_path / "run").exception is None
    file = tmp_path / "run" / "model.onnx"
    x_NCHW = torch.randn((3, 3, 32, 48), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = nas.load_trained(tmp_path / "run").network(x_NCHW).numpy()
    np.testing.assert_allclose(outputs(file, x_NCHW.numpy())[0], expected, atol=1e-4)
    operations = {node.op_type for node in onnx.load(file).graph.node}
    assert "BatchNormalization" not in operations


def test_eight_bits_with_a_scale_for_each_channel(
    run: Path, exported: tuple[Path, Result], tmp_path: Path
) -> None:
    result = invoke(export, run, "--int8")
    assert result.exception is None, result.output
    file = run / "model-int8.onnx"
    model = onnx.load(file)
    arrays = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    operations = {node.output[0]: node for node in model.graph.node}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 6
    for node in convolutions:
        inputs, weights = (operations[name] for name in node.input[:2])
        assert {inputs.op_type, weights.op_type} == {"DequantizeLinear"}
        values, scales = (arrays[name] for name in weights.input[:2])
        assert values.dtype == np.int8
        assert np.abs(values).max() <= 64  # 7 bits
        assert scales.shape == (len(values),)
    kept = json.loads((run / "export.json").read_text())
    assert kept["model-int8.onnx"]["file"]["macro_f1"] >= 0.99
    assert 1e-6 < kept["model-int8.onnx"]["largest_difference"]["logits"] < 0.2
    assert kept["model-int8.onnx"]["float32_weight_bytes"] == kept["model.onnx"]["weight_bytes"]
    of_file, of_run = (json.loads(invoke(evaluate, it, "--json").output) for it in (file, run))
    assert of_file["macro_f1"] == pytest.approx(of_run["macro_f1"], abs=0.1)
    with pytest.raises(NasError, match="--max-drop: not exported: macro-F1 falls by"):
        nas.export_run(run, int8=True, max_drop=-0.5, out=tmp_path / "no.onnx", say=list)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "no.onnx").write_bytes(b"another")
    with pytest.raises(NasError, match="; the file that is there is an older"):
        nas.export_run(run, int8=True, max_drop=-0.5, out=tmp_path / "no.onnx", say=list)
    assert (tmp_path / "no.onnx").read_bytes() == b"another"


def test_a_program_of_torch_computes_the_same(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.pt2"
    assert invoke(export, run, "--to", "torch", "--out", file).exception is None
    said = {"classes": ""}
    program = torch.export.load(file, extra_files=said).module()
    assert json.loads(said["classes"]) == ["blue", "green", "red"]
    x_NCHW = torch.randn((5, 3, 16, 24), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = nas.load_trained(run).network(x_NCHW)
        torch.testing.assert_close(program(x_NCHW), expected, rtol=1e-4, atol=1e-5)
    kept = json.loads((run / "export.json").read_text())[str(file)]
    assert kept["runtime"] == f"torch {torch.__version__}"
    assert "--int8: is for onnx and executorch" in error_of(export, run, "--to", "torch", "--int8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "int8"), [("image", False), ("image", True), ("detection", False)]
)
def test_executorch_runs_what_was_written_for_it(
    task: str, int8: bool, run: Path, detection_run: Path, tmp_path: Path
) -> None:
    pytest.importorskip("executorch", reason="needs pip install 'compact-nas[executorch]'")
    pytest.importorskip("torchao", reason="needs pip install 'compact-nas[quantise]'")
    folder = run if task == "image" else detection_run
    file = tmp_path / "model.pte"
    flags = ["--int8", "--max-drop", 1] if int8 else []
    result = invoke(export, folder, "--to", "executorch", "--out", file, *flags)
    assert result.exception is None, result.output
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(file).load_method("forward")
    trained = nas.load_trained(folder)
    shape = (1, *trained.architecture.input.shape)
    x_NCHW = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = trained.network(x_NCHW)
    expected = (expected,) if isinstance(expected, torch.Tensor) else tuple(expected)
    for found, part in zip(method.execute([x_NCHW]), expected, strict=True):
        difference = float((found - part).abs().max())
        assert difference < (0.5 if int8 else 1e-4)
        assert not int8 or difference > 0
    said = json.loads(file.with_suffix(".json").read_text())
    assert said["inputs"][0]["shape"] == list(shape)

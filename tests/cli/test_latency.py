"""`nas latency` as it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nas.cli.latency import latency
from nas.errors import NasError


def test_one_network_is_asked_for(tmp_path: Path) -> None:
    for arguments in ([], ["a.onnx", "--arch", "b.yaml"], ["a.onnx", "--compare", "b", "c"]):
        result = CliRunner().invoke(latency, arguments)
        assert isinstance(result.exception, NasError)
        assert "--compare A B" in str(result.exception)


def test_json_is_one_object(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    file = tmp_path / "small.yaml"
    file.write_text(
        "input: {channels: 1, height: 4, width: 4}\nclasses: 2\nlayers:\n- {block: Conv, out: 8}\n"
    )
    done = CliRunner().invoke(latency, ["--arch", str(file), "--json"], catch_exceptions=False)
    said = json.loads(done.stdout)
    assert said["ratio"] is None
    [network] = said["networks"]
    assert (network["runtime"], network["threads"], network["batch"]) == ("onnxruntime", 1, 1)
    assert network["p10_ms"] <= network["median_ms"] <= network["p90_ms"]

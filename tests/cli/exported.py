"""An exported file, used by the program beside it alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ALONE = """
import runpy, sys
for name in ("torch", "nas", "blocks"):
    sys.modules[name] = None  # an import of it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def alone(file: Path, *inputs: Path) -> list[dict[str, Any]]:
    """What the program beside the file prints, where there is neither torch nor nas."""
    program = file.with_name("predict_onnx.py")
    command = [sys.executable, "-P", "-c", ALONE, str(program), str(file), *map(str, inputs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent)
    answers: list[dict[str, Any]] = json.loads(done.stdout or done.stderr)
    assert done.returncode == any("error" in answer for answer in answers)
    return answers


def agree(found: Any, expected: Any, tolerance: float) -> None:
    """Fails unless both have the same keys, lengths and texts, and numbers within the tolerance."""
    assert type(found) is type(expected)
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            agree(value, expected[key], tolerance)
    elif isinstance(found, list):
        for one, other in zip(found, expected, strict=True):
            agree(one, other, tolerance)
    elif isinstance(found, float):
        assert found == pytest.approx(expected, abs=tolerance)
    else:
        assert found == expected

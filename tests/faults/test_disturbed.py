"""The programs of this folder, bounded; what they tried is printed."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("program", ["kills", "clocks"])
def test_nothing_is_lost(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{program}"], capture_output=True, text=True
    )
    with capsys.disabled():
        print(f"\n{program}:\n{ended.stdout}")
    assert ended.returncode == 0, ended.stderr

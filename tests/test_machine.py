"""What a run's figures depend on."""

import pytest

from nas.machine import environment


def test_environment_outside_of_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    facts = environment()
    assert facts["commit"] == "unknown"
    assert facts["torch"] != "not installed"
    assert all(isinstance(value, str) for value in facts.values())

"""Settings of the whole suite: one thread, a cache of its own, no network."""

import os
import tempfile

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # several threads on few cores slow each other down
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="nas-tests-")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or leaves decoded pictures in the user's own cache."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("NAS_CACHE", str(folder))

"""Settings of the whole suite: one thread, a cache of its own, no network, fixed examples."""

import os
import shutil
import tempfile

import hypothesis

os.environ["OMP_NUM_THREADS"] = "1"  # several threads on few cores slow each other down
os.environ.setdefault("HF_HUB_OFFLINE", "1")
_OWN = tempfile.mkdtemp(prefix="nas-tests-")
os.environ["MPLCONFIGDIR"] = f"{_OWN}/matplotlib"
os.environ["NAS_CACHE"] = f"{_OWN}/cache"  # no test reads or leaves pictures in the user's cache
hypothesis.settings.load_profile(
    "ci"
)  # no deadlines by the clock; found anew: `python -m tests.faults.fuzz`


def pytest_unconfigure() -> None:
    shutil.rmtree(_OWN, ignore_errors=True)

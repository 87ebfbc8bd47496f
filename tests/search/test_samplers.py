"""A small search from beginning to end with each sampler."""

from pathlib import Path
from typing import Any

import pytest

from nas.spec.sampler_names import SAMPLER_NAMES, SamplerName

from .conftest import begin, trials_of

MAX_MACS = 8_000


@pytest.mark.usefixtures("workers_here")
@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_searches_to_the_end(tmp_path: Path, pictures: Path, sampler: SamplerName) -> None:
    begin(tmp_path / "run", pictures, sampler=sampler, trials=4, max_macs=MAX_MACS, finalists=0)
    records = trials_of(tmp_path / "run")
    trained = [item for item in records if item.state in ("trained", "stopped")]
    assert len({item.architecture_hash for item in trained}) == len(trained) == 4
    assert all((item.macs or 0) <= MAX_MACS for item in trained)
    if sampler == "known_cost":
        assert len(records) == 4


@pytest.mark.usefixtures("workers_here")
def test_seconds_weigh_in(tmp_path: Path, pictures: Path) -> None:
    """Per second the small networks, which take less time, come more often."""
    macs = []
    for per_second in (False, True):
        folder = tmp_path / str(per_second)
        options: dict[str, Any] = {"trials": 9, "per_second": per_second, "finalists": 0}
        begin(folder, pictures, sampler="known_cost", **options)
        macs.append([item.macs or 0 for item in trials_of(folder)])
    assert sum(macs[1]) < sum(macs[0])

"""Device profiles: what is read, and what a budget becomes."""

from pathlib import Path

import pytest

from nas.device.profiles import installed_profiles, load_profile
from nas.errors import NasError
from nas.spec.budget import BudgetSpec


def test_the_installed_ones_are_there_and_leave_room() -> None:
    profiles = {profile.name: profile for profile in installed_profiles()}
    assert set(profiles) == {"cortex-m4", "cortex-m7", "esp32-s3", "raspberry-pi"}
    assert all(profile.source for profile in profiles.values())
    # 320 KiB less 64 KiB, 1 MiB less 256 KiB
    assert (profiles["cortex-m7"].max_ram, profiles["cortex-m7"].max_flash) == (262_144, 786_432)
    assert profiles["raspberry-pi"].max_flash is None


def test_a_device_s_memory_stands_in_place_of_the_budget_s_own() -> None:
    own = BudgetSpec(max_macs=5_000_000, max_ram=1, min_metric=0.5)
    budget = load_profile("cortex-m4").over(own)
    assert (budget.max_macs, budget.min_metric) == (5_000_000, 0.5)
    assert budget.bounds == {"flash_int8_bytes": 786_432, "ram_int8_bytes": 196_608}


@pytest.mark.parametrize(("own", "profile", "both"), [(None, 7, 7), (5, None, 5), (5, 7, 5)])
def test_the_smaller_of_the_multiply_adds_holds(
    own: int | None, profile: int | None, both: int, tmp_path: Path
) -> None:
    file = tmp_path / "board.yaml"
    file.write_text(f"precision: float32\nmax_macs: {profile or 'null'}\n")
    assert load_profile(file).name == "board"
    assert load_profile(file).over(BudgetSpec(max_macs=own)).max_macs == both


def test_where_a_search_looks_is_not_above_what_the_device_allows(tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("max_macs: 2M\n")
    budget = load_profile(file).over(BudgetSpec(max_macs="5M", from_macs="3M"))
    assert BudgetSpec.model_validate(budget.model_dump()) == budget
    assert (budget.max_macs, budget.least("macs")) == (2_000_000, 200_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ram: 64kilo\n", "board.yaml:1 ram: '64kilo' is not allowed"),
        ("ram: 64kB\nreserved_ram: 64000\n", "reserved_ram 64000 leaves nothing of 64000 bytes"),
        ("reserved_ram: 64kB\n", "reserved_ram is a part of ram, which is not said"),
        ("rom: 1MiB\n", "board.yaml:1 rom: no key 'rom' here; did you mean 'ram'"),
        ("precision: int4\n", "board.yaml:1 precision: "),
    ],
)
def test_a_wrong_profile_names_file_line_and_key(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text(text)
    with pytest.raises(NasError) as caught:
        load_profile(file)
    assert message in str(caught.value)


def test_nothing_may_be_reserved(tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("ram: 64KiB\nreserved_ram: 0\nflash: 1MiB\nreserved_flash: null\n")
    profile = load_profile(file)
    assert (profile.max_ram, profile.max_flash) == (65_536, 1_048_576)


def test_an_unknown_device_is_led_to_the_nearest() -> None:
    with pytest.raises(NasError, match=r"no device 'cortex-m5'; did you mean 'cortex-m[47]'"):
        load_profile("cortex-m5")

"""The floor of a budget under its name and its older one."""

import pytest

from nas.errors import NasError
from nas.spec.budget import BudgetSpec
from nas.spec.space import parse_space

SPACE = """\
name: tiny
input: {channels: 3, height: 16, width: 24}
layers:
  - {block: Conv, out: [8, 16]}
budget:
  max_macs: 1M
"""


@pytest.mark.parametrize("name", ["min_metric", "min_macro_f1"])
def test_the_floor_is_read_under_both_names_and_written_under_one(name: str) -> None:
    budget = parse_space(f"{SPACE}  {name}: 0.5\n").budget
    assert budget == BudgetSpec(max_macs=1_000_000, min_metric=0.5)
    assert budget.model_dump() == {"max_macs": 1_000_000, "max_params": None, "min_metric": 0.5}


@pytest.mark.parametrize("name", ["min_metric", "min_macro_f1"])
def test_a_wrong_floor_is_told_at_the_key_that_was_written(name: str) -> None:
    with pytest.raises(NasError) as caught:
        parse_space(f"{SPACE}  {name}: 1.5\n", "tiny.yaml")
    assert str(caught.value).startswith(f"tiny.yaml:7 budget.{name}: 1.5 is not allowed")


@pytest.mark.parametrize("value", ["0.6", "null"])
def test_the_floor_has_one_name_at_a_time(value: str) -> None:
    with pytest.raises(NasError) as caught:
        parse_space(f"{SPACE}  min_metric: 0.5\n  min_macro_f1: {value}\n", "tiny.yaml")
    assert str(caught.value) == (
        f"tiny.yaml:8 budget.min_macro_f1: {value} is not allowed: min_macro_f1 is the older name "
        "of min_metric: give one of the two"
    )


def test_a_slip_of_the_pen_is_led_to_the_present_name() -> None:
    with pytest.raises(NasError, match="no key 'min_metrc' here; did you mean 'min_metric'"):
        parse_space(f"{SPACE}  min_metrc: 0.5\n")


def test_other_costs_are_bounded_by_name_and_written_only_then() -> None:
    budget = parse_space(f"{SPACE}  max: {{peak_bytes: 200k, latency_ms: 2.5}}\n").budget
    assert budget.max == {"peak_bytes": 200_000, "latency_ms": 2.5}
    assert BudgetSpec.model_validate(budget.model_dump()) == budget
    assert budget.excess(500_000, 9, {"peak_bytes": 150_000, "latency_ms": 5.0}) == 1.0
    assert budget.excess(500_000, 9, {"peak_bytes": 150_000, "latency_ms": 2.0}) <= 0
    assert budget.excess(3_000_000, 9, {"peak_bytes": 1, "latency_ms": 2.0}) == 2.0
    assert "max" not in BudgetSpec().model_dump(mode="json")


def test_a_budget_is_looked_at_from_a_tenth_on_unless_it_says_otherwise() -> None:
    budget = parse_space(SPACE).budget
    assert (budget.least("macs"), budget.least("parameters")) == (100_000, 0)
    assert parse_space(f"{SPACE}  from_macs: 300k\n").budget.least("macs") == 300_000
    assert parse_space(f"{SPACE}  from_macs: 0\n").budget.least("macs") == 0
    assert BudgetSpec(max={"ram": 2_000}).least("ram") == 200


def test_a_budget_that_begins_above_its_end_is_refused() -> None:
    with pytest.raises(NasError) as caught:
        parse_space(f"{SPACE}  from_macs: 2M\n", "tiny.yaml")
    assert str(caught.value).startswith("tiny.yaml")
    assert "from_macs 2000000 is above max_macs 1000000" in str(caught.value)


def test_memory_is_bounded_at_the_precision_and_written_only_then() -> None:
    text = "{max_ram: 256KiB, max_flash: 1MB, max: {ram_int8_bytes: 200k}}"
    budget = parse_space(SPACE.replace("\n  max_macs: 1M", f" {text}")).budget
    assert budget.bounds == {"flash_int8_bytes": 1_000_000, "ram_int8_bytes": 200_000}
    assert budget.of_cost("ram_int8_bytes") == 200_000
    assert BudgetSpec.model_validate(budget.model_dump()) == budget
    floats = budget.model_copy(update={"precision": "float32"})
    assert floats.bounds["ram_float32_bytes"] == 262_144
    assert "precision" not in BudgetSpec(max_macs=5).model_dump()

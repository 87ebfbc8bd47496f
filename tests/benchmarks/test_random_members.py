"""Which members are trained, and the table of what they reached."""

from benchmarks.random_members import WITHIN, Measured, members_near, table
from nas.spec.space import load_space


def test_members_are_different_ones_near_the_target() -> None:
    space = load_space("tiny.yaml")
    found = list(members_near(space, 40_000, 3))
    assert len({network.key for network in found}) == 3
    assert all(abs(network.cost.macs - 40_000) <= WITHIN * 40_000 for network in found)
    assert [item.key for item in members_near(space, 40_000, 3)] == [item.key for item in found]
    assert not list(members_near(space, 10**9, 3))


def measured(space: str, target: int, parameters: int, macro_f1: float) -> Measured:
    return Measured(space, target, f"{macro_f1}", target, parameters, "4x4", 12, macro_f1, 1.0)


def test_the_table_has_mean_deviation_and_best() -> None:
    items = [
        measured("b", 2_000_000, 30_000, 0.7),
        measured("a", 1_000_000, 10_000, 0.5),
        measured("a", 1_000_000, 20_000, 0.6),
        measured("a", 1_000_000, 60_000, 0.4),
    ]
    head, *rows = [line.split() for line in table(items)]
    assert head[:3] == ["MACs", "space", "networks"]
    assert rows[0] == ["1.00", "M", "a", "3", "0.500", "0.100", "0.600", "20.0", "k"]
    assert rows[1] == ["2.00", "M", "b", "1", "0.700", "-", "0.700", "30.0", "k"]

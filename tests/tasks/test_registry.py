"""Tasks by name."""

import pytest

from nas.errors import NasError
from nas.tasks.registry import TASKS, task_named


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_is_found_under_its_own_name(name: str) -> None:
    assert task_named(name).name == name
    assert task_named(name).first_metric


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(NasError, match="no task 'imgae'; did you mean 'image'"):
        task_named("imgae")

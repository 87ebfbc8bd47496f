"""Contracts that a plug-in's own tests run: what holds of every block, and of every task.

from nas.testing import BlockContract

class TestMyBlock(BlockContract):
    config = MyBlockConfig
"""

import pytest

pytest.register_assert_rewrite("nas.testing.blocks", "nas.testing.tasks")

from nas.testing.blocks import BlockCase, BlockContract  # noqa: E402  # after the line above
from nas.testing.tasks import TaskCase, TaskContract  # noqa: E402

__all__ = ["BlockCase", "BlockContract", "TaskCase", "TaskContract"]

"""The contract of tasks, run on the own one."""

from own_task import NETWORK, TASK

from nas.testing import TaskContract


class TestBars(TaskContract):
    task = TASK
    network = NETWORK

"""What every registered task must hold. A new task is tested by a network for it in `NETWORKS`."""

from nas.tasks.registry import TASKS
from nas.testing import TaskContract

NETWORKS = {
    "image": """
task: image
input: {channels: 3, height: 16, width: 16}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "multilabel": """
task: multilabel
input: {channels: 1, height: 16, width: 16}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "sed": """
task: sed
input: {channels: 1, height: 32, width: 64}
head: attention
preprocess: {kind: mel, sample_rate_hz: 16000, fft_samples: 512, hop_samples: 512,
             overlap_frames: 14}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "covid-study": """
task: covid-study
input: {channels: 1, height: 32, width: 32}
preprocess: {kind: xray, labels: study}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "detection": """
task: detection
input: {channels: 3, height: 64, width: 64}
head: detection
neck: {block: FPN, out: 8}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
    "covid-detection": """
task: covid-detection
input: {channels: 1, height: 64, width: 64}
head: detection
neck: {block: FPN, out: 8}
classes: [opacity]
preprocess: {kind: xray, labels: boxes}
layers:
  - {block: Conv, out: 8, kernel: 3, stride: 4}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
  - {block: Conv, out: 8, kernel: 3, stride: 2}
""",
}
"""A small network for each task's built-in data."""

for _name, _network in NETWORKS.items():
    _members = {"task": TASKS[_name], "network": _network}
    _title = f"Test_{_name.replace('-', '_')}"
    globals()[_title] = type(_title, (TaskContract,), _members)


def test_each_task_has_a_network_here() -> None:
    assert set(NETWORKS) == set(TASKS)

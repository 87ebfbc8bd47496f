"""A task of one's own: whether a bar in a noisy picture lies or stands.

Here its data are drawn; files name it by `task: bars`, beside `nas ... --import own_task`, and
`pytest examples/test_own_task.py` runs the contract of tasks on it. What it
does not say is the image task's; `nas.Task` says all that a task has to answer.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

import nas
from nas.data.dataset import DataRequest
from nas.data.files import Progress
from nas.data.image.dataset import ImageData, ImageSet
from nas.data.image.preprocess import ImagePreprocess
from nas.spec.architecture import parse_architecture
from nas.tasks.image.task import ImageTask

CLASSES = ("lies", "stands")
NETWORK = """
task: bars
input: {channels: 1, height: 16, width: 16}
layers: [{block: Conv, out: 8, stride: 2}, {block: Conv, out: 8, stride: 2}]
"""


class BarsTask(ImageTask):
    name: ClassVar[str] = "bars"
    built_in_source: ClassVar[str] = "drawn bars"

    def load_data(self, request: DataRequest, on_progress: Progress | None = None) -> ImageData:
        shape, seed = request.input.shape, 10 * request.seed
        splits = {split: draw(seed + n, shape) for n, split in enumerate(request.splits)}
        data = ImageData(splits=splits, classes=CLASSES, source=self.built_in_source,
                        preprocess=ImagePreprocess(), input=request.input)  # fmt: skip
        return self.measure_normalisation(data)

    def holds(self, source: Path) -> bool:
        return False


def draw(seed: int, shape: tuple[int, int, int], count: int = 128) -> ImageSet:
    generator, (channels, height, width) = np.random.default_rng(seed), shape
    labels_N = np.arange(count) % 2
    pixels = generator.integers(0, 120, (count, height, width, channels), dtype=np.uint8)
    for image, label in zip(pixels, labels_N, strict=True):
        (image if label == 0 else image.swapaxes(0, 1))[generator.integers(2, 14), 3:13] += 120
    return ImageSet(pixels, labels_N, tuple(f"{n}.png" for n in range(count)), CLASSES)


TASK = nas.register_task(BarsTask())

if __name__ == "__main__":
    network = parse_architecture(NETWORK)
    data = TASK.load_data(DataRequest(None, network.input, None))
    print(len(data.split("train")), data.classes, data.preprocess.mean)

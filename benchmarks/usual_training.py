"""The usual way to train on a folder of pictures, which our training is measured against.

torchvision's ImageFolder, a JPEG decoded anew each epoch, v2 transforms of one picture at a time in
DataLoader workers, PyTorch's default memory format and optimiser. Augmentation, sampler, loss and
schedule are those of our run.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, WeightedRandomSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from nas.data.image.preprocess import ImagePreprocess
from nas.data.sampler import DEFAULT_SAMPLER
from nas.errors import NasError
from nas.spec.definition import InputSpec
from nas.spec.training import TrainingSpec
from nas.tasks.base import Batch, Loss
from nas.tasks.image.requirements import image_augment
from nas.train.optimizer import set_batch_norm_momentum

SAMPLING_POWERS = {"none": 0.0, "softened": 0.5, "inverse": 1.0}
"""A picture's weight is 1 / (pictures of its class) to this power, by the name of our sampler."""
EVALUATION_BATCH = 256


def refuse_unknown(training: TrainingSpec) -> None:
    """Raises NasError for what only our training can do."""
    augment = image_augment(training)
    unknown = {
        "schedule": training.schedule != "one_cycle",
        "ema_decay": training.ema_decay is not None,
        "precision": training.precision == "bfloat16",
        "augment.rotate_180": augment.rotate_180,
        "augment.cutout": augment.cutout > 0,
    }
    for key, asked in unknown.items():
        if asked:
            raise NasError("the usual training loop has nothing like it", key=f"training.{key}")


class UsualTraining:
    """A loader and a loop as found in most training scripts."""

    def __init__(
        self,
        train_folder: Path,
        size: InputSpec,
        preprocess: ImagePreprocess,
        training: TrainingSpec,
        workers: int,
    ) -> None:
        """Raises NasError for settings that this loop does not know."""
        refuse_unknown(training)
        dataset = ImageFolder(str(train_folder), _training_transform(size, preprocess, training))
        counts = torch.bincount(torch.tensor(dataset.targets)).tolist()
        power = SAMPLING_POWERS[training.sampler or DEFAULT_SAMPLER]
        weights = [counts[target] ** -power for target in dataset.targets]
        self.images = len(dataset)
        self._training = training
        self._loader = DataLoader(
            dataset,
            batch_size=training.batch_size,
            sampler=WeightedRandomSampler(weights, len(dataset)),
            num_workers=workers,
            persistent_workers=workers > 0,  # starting them is not counted
        )

    def batches(self) -> Iterator[Batch]:
        """One epoch."""
        yield from self._loader

    def prepare(self, network: nn.Module, epochs: int) -> None:
        """A fresh optimiser and a one-cycle schedule over so many epochs for `network`."""
        self._network = network
        if self._training.batch_norm_momentum is not None:
            set_batch_norm_momentum(network, self._training.batch_norm_momentum)
        self._optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=self._training.learning_rate,
            weight_decay=self._training.weight_decay,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            self._training.learning_rate,
            total_steps=epochs * len(self._loader),
            cycle_momentum=False,  # ours leaves AdamW's betas alone
        )

    def train_epoch(self, loss_function: Loss) -> None:
        """Train on every batch of one epoch."""
        self._network.train()
        for x_NCHW, labels_N in self._loader:
            self._optimizer.zero_grad()
            loss: Tensor = loss_function(self._network(x_NCHW), labels_N)
            loss.backward()
            if self._training.clip_norm is not None:
                nn.utils.clip_grad_norm_(self._network.parameters(), self._training.clip_norm)
            self._optimizer.step()
            self._schedule.step()


class TurnPortrait:
    """Turns a picture that is higher than wide by 90 degrees."""

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.transpose(Image.Transpose.ROTATE_90) if image.height > image.width else image


class UsualValidation:
    """The loop of the same scripts over pictures that are not learned from."""

    def __init__(
        self, folder: Path, size: InputSpec, preprocess: ImagePreprocess, workers: int
    ) -> None:
        dataset = ImageFolder(str(folder), _transform(size, preprocess, []))
        self._loader = DataLoader(
            dataset,
            batch_size=EVALUATION_BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    @torch.no_grad()
    def macro_f1(self, network: nn.Module) -> float:
        """Macro-F1 of a network, by scikit-learn; the network is left in eval mode."""
        network.eval()
        labels: list[int] = []
        predictions: list[int] = []
        for x_NCHW, labels_N in self._loader:
            labels += labels_N.tolist()
            predictions += network(x_NCHW).argmax(dim=1).tolist()
        return float(f1_score(labels, predictions, average="macro", zero_division=0))


def _training_transform(
    size: InputSpec, preprocess: ImagePreprocess, training: TrainingSpec
) -> v2.Transform:
    augment = image_augment(training)
    steps: list[object] = []
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip())
    if augment.crop_padding:
        padding = [round(augment.crop_padding * side) for side in (size.width, size.height)]
        steps.append(v2.RandomCrop((size.height, size.width), padding, padding_mode="reflect"))
    if augment.colour:
        steps.append(v2.ColorJitter(augment.colour, augment.colour, augment.colour))
    return _transform(size, preprocess, steps)


def _transform(size: InputSpec, preprocess: ImagePreprocess, augment: list[object]) -> v2.Transform:
    return v2.Compose(
        [
            *([TurnPortrait()] if preprocess.turn_portrait else []),
            v2.Resize((size.height, size.width)),
            *augment,
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(preprocess.mean, preprocess.std),
        ]
    )

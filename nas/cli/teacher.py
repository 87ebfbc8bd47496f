"""Options that say who teaches a network, or all of a search."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.options import FILE, Decorator, grouped, named, option, others, own_model, parse_input
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.spec.definition import ArchitectureSpec, InputSpec

NOBODY = Path("none")
"""As --teacher: none, although the space or the architecture file says one."""


@dataclass(frozen=True)
class TeacherFlags:
    """Which network teaches, and on what beside the training split."""

    teacher: Path | None = None
    others: tuple[Path, ...] = ()
    teacher_model: str | None = None
    teacher_weights: str | None = None
    teacher_size: "InputSpec | None" = None
    unlabelled: Path | None = None

    @property
    def nobody(self) -> bool:
        """Whether nobody teaches. Raises NasError where a flag then says how somebody does."""
        if self.teacher != NOBODY:
            return False
        for value, name in (
            (self.others, "--with"),
            (self.teacher_model, "--teacher-model"),
            (self.teacher_weights, "--teacher-weights"),
            (self.teacher_size, "--teacher-input"),
            (self.unlabelled, "--unlabelled"),
        ):
            if value:
                raise NasError("has no use with --teacher none", key=name)
        return True

    @property
    def only_input(self) -> bool:
        """Whether no teacher is named, but perhaps its input."""
        return self.teacher is None and self.teacher_model is None and not self.others

    def given(self, size: "InputSpec", task: str) -> "tuple[Path, ...] | ArchitectureSpec | None":
        """As `choice`; None where nothing is said of a teacher, and none where it is nobody."""
        return () if self.nobody else self.choice(size, task) or None

    def choice(self, size: "InputSpec", task: str) -> "tuple[Path, ...] | ArchitectureSpec":
        """The runs, or the network that is trained first: at `size` where it has no other.

        Raises NasError for what does not go together.
        """
        for value, needed, name in (
            (self.others, self.teacher, "--with"),
            (self.teacher_weights, self.teacher_model, "--teacher-weights"),
            (self.teacher_size, self.teacher_model, "--teacher-input"),
        ):
            if value and needed is None:
                other = "--teacher" if name == "--with" else "--teacher-model"
                raise NasError(f"has no use without {other}", key=name)
        if self.teacher_model is None:
            return () if self.teacher is None else (self.teacher, *self.others)
        if self.teacher is not None:
            problem = "trains a teacher, --teacher names one: give one of the two"
            raise NasError(problem, key="--teacher-model")
        from nas.train.teacher_run import teacher_architecture

        return teacher_architecture(
            self.teacher_model,
            self.teacher_weights,
            task,
            size=size,
            given=self.teacher_size,
        )


def teacher(taught_by: str) -> Decorator[Any]:
    """Who teaches, as `TeacherFlags`."""
    return grouped(
        "taught",
        TeacherFlags,
        option("--teacher", type=FILE, metavar="RUN_DIR", help=taught_by),
        others("what teaches"),
        option(
            "--teacher-model",
            metavar="NAME",
            callback=own_model,
            help="Teacher that is trained first: torchvision:NAME, timm:NAME, my.module:factory "
            "or an architecture file.",
        ),
        option(
            "--teacher-weights",
            metavar="SOURCE",
            callback=named,
            help="Weights that --teacher-model begins with: hub (the published ones), pip:NAME, "
            "a .safetensors or .pth file, or the folder of a finished run.",
        ),
        option(
            "--teacher-input",
            "teacher_size",
            metavar="CxHxW",
            callback=parse_input,
            told_default="the network's",
            help="Input of --teacher-model.",
        ),
        option(
            "--unlabelled",
            type=FILE,
            metavar="DIR",
            help="Pictures without labels, which are learned from the teacher alone.",
        ),
    )

"""Options of the command line: each shared one once, and how several become one typed object."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas.data.splits import SPLITS
from nas.errors import NasError

if TYPE_CHECKING:
    import torch


Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]


class NamedPath(click.Path):
    """As click's, but for an empty text, which would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; an empty one is wrong usage."""
        if value == "":
            self.fail("an empty text names no file or folder.", param, ctx)
        return super().convert(value, param, ctx)


FILE = NamedPath(path_type=Path)

WIDE = 1_000
"""Upper bounds from here on are not told in `--help`."""


class Option(click.Option):
    """An option that may have old names, and a default that is told but not filled in."""

    def __init__(
        self, *args: Any, old: Sequence[str] = (), told_default: str | None = None, **keywords: Any
    ) -> None:
        super().__init__(*args, **keywords)
        if self.metavar is None and isinstance(self.type, click.IntRange | click.FloatRange):
            self.metavar = "INTEGER" if isinstance(self.type, click.IntRange) else "NUMBER"
        self.old = tuple(old)
        """Names that are still read, with a note."""
        self.told_default = told_default
        """What counts where the option is not given: the default of the settings behind it."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """As click's; an empty text is wrong usage, where no callback says so in its own words."""
        texts = value if isinstance(value, list | tuple) else [value]
        checked = self.callback is None or self.multiple
        if checked and any(isinstance(text, str) and not text.strip() for text in texts):
            raise click.BadParameter("an empty text says nothing.", ctx, self)
        return super().type_cast_value(ctx, value)

    def get_help_extra(self, ctx: click.Context) -> Any:
        """As click's, with the default that is told, and ranges only where they are narrow."""
        extra = super().get_help_extra(ctx)
        if self.told_default is not None:
            extra["default"] = self.told_default
        widest = getattr(self.type, "max", None)
        if "range" in extra and (widest is None or widest >= WIDE):
            del extra["range"]  # `x>=0`, or a bound that only a slip of the finger meets
        return extra


class Command(click.Command):
    """A command that reads the old names of its options, and says on stderr what they are now."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's; what stands behind `--` is left as it is."""
        renamed = {
            old: option.opts[0]
            for option in self.params
            if isinstance(option, Option)
            for old in option.old
        }
        end = args.index("--") if "--" in args else len(args)
        for index, argument in enumerate(args[:end]):
            name, equals, value = argument.partition("=")
            if (now := renamed.get(name)) is not None:
                click.echo(f"note: {name} is now {now}", err=True)
                args[index] = f"{now}{equals}{value}"
        return super().parse_args(ctx, args)


class FiniteRange(click.FloatRange):
    """As click's, which lets `nan` through, and `inf` where the range is open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; `nan` and `inf` are wrong usage."""
        number = super().convert(value, param, ctx)
        if number - number != 0:  # of what is not finite
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def option(*names: str, **keywords: Any) -> Decorator[Any]:
    """As `click.option`, of the class `Option`."""
    return click.option(*names, cls=Option, **keywords)


def grouped(name: str, kind: type, *options: Decorator[Any]) -> Decorator[Any]:
    """Options whose values reach the command as one object: `kind(**values)` under `name`.

    `kind` is a dataclass with a field for each of the options.
    """
    return packed(name, kind, [field.name for field in fields(kind)], *options)


def packed(
    name: str, make: Callable[..., Any], parameters: Sequence[str], *options: Decorator[Any]
) -> Decorator[Any]:
    """Options whose values reach the command as `make(**values)`, in the order of `--help`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**values: Any) -> Any:
            own = {key: values.pop(key) for key in parameters if key in values}
            return function(**{name: make(**own)}, **values)

        packing: Callable[..., Any] = command
        for add in reversed(options):
            packing = add(packing)
        return packing

    return decorate


# What a network is.

ARCH = option("--arch", type=FILE, help="Architecture file, e.g. a search's best.yaml.")


def library() -> Decorator[Any]:
    """A network of another library."""
    text = "Another library's network: torchvision:NAME, timm:NAME or my.module:factory."
    return option("--model", metavar="NAME", callback=own_model, help=text)


def input_size(text: str) -> Decorator[Any]:
    """An input size in the form `3x46x64`, as an `InputSpec`."""
    return option("--input", "size", metavar="CxHxW", callback=parse_input, help=text)


def parse_input(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    from nas.spec.definition import InputSpec

    try:
        return None if text is None else InputSpec.parsed(text)
    except NasError as error:
        raise NasError(error.problem, key=param.opts[0]) from error


def own_model(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """As `named`; the module of `my.module:factory` may be imported, as whoever typed it asks."""
    if (model := named(ctx, param, text)) is not None:
        from nas.model.reference import allow_module, own_module

        if (module := own_module(model)) is not None:
            allow_module(module)
    return model


def named(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """The text. Raises NasError, naming the flag, for an empty one."""
    if text is not None and not text.strip():
        raise NasError(f"{text!r} names nothing", key=param.opts[0])
    return text


INPUTS_OF = option(
    "--inputs-of",
    type=FILE,
    metavar="FILE",
    help="Architecture file whose input, preprocessing, data and splits are used.",
)


def weights() -> Decorator[Any]:
    """Weights to begin with, wherever they are."""
    return option(
        "--weights",
        metavar="SOURCE",
        callback=named,
        help="Begin with these: hub (the published ones), pip:NAME, a .safetensors or .pth file, "
        "or the folder of a finished run.",
    )


def pretrained(whose: str) -> Decorator[Any]:
    """Published weights to begin with."""
    return option("--pretrained", is_flag=True, help=f"Begin with {whose} published weights.")


DEVICE_PROFILE = option(
    "--device-profile",
    metavar="NAME",
    callback=named,
    help="Device whose memory bounds the networks: one of `nas device list`, or a YAML file.",
)

# Which data, and how they are read.


@dataclass(frozen=True)
class DataFlags:
    """Which data are read, and how: what every command on data may be told of them."""

    data: Path | None = None
    groups: Path | None = None
    strict: bool = False
    fold: int | None = None
    no_turn: bool = False
    labels: str | None = None


def data(text: str = "Folder or table of the task's data.") -> Decorator[Any]:
    """Which data."""
    return option("--data", type=FILE, help=text)


GROUPS = option("--groups", type=FILE, help="CSV path,group: no group crosses splits.")
STRICT = option(
    "--strict", is_flag=True, help="Stop at unreadable files instead of leaving them out."
)
FOLDS = option(
    "--folds", metavar="K,L,...", help="Train on each of these folds, e.g. 0,1,2,3,4; pool them."
)
NO_TURN = option("--no-turn", is_flag=True, help="Don't turn portraits to landscape.")
LABELS = option(
    "--labels",
    metavar="KIND",
    help="Labels to learn, where the task has a choice: study or opacity.",
)


def fold(default: str = "0") -> Decorator[Any]:
    """Which fold is tested; `default` in words."""
    text = "Test split of X-rays without given splits: this one of 5 folds."
    return option("--fold", type=click.IntRange(0), told_default=default, help=text)


def task_data() -> Decorator[Any]:
    """All that a command may be told of a task's data, as `DataFlags`."""
    return grouped("data", DataFlags, data(), GROUPS, STRICT, NO_TURN, LABELS, fold())


def split(text: str, default: str | None = None) -> Decorator[Any]:
    """One of the splits."""
    shown = default is not None
    return option(
        "--split", type=click.Choice(SPLITS), default=default, show_default=shown, help=text
    )


# Where runs are, and what is written.


def out(text: str) -> Decorator[Any]:
    """The folder to write."""
    return option("--out", type=FILE, help=text)


def out_file(text: str, *, required: bool = False, short: Sequence[str] = ()) -> Decorator[Any]:
    """The file to write; a folder is wrong usage."""
    place = NamedPath(path_type=Path, dir_okay=False)
    return option("--out", *short, type=place, required=required, help=text)


def resume(text: str) -> Decorator[Any]:
    """What was stopped goes on."""
    return option("--resume", type=FILE, metavar="FOLDER", help=text)


def others(what: str) -> Decorator[Any]:
    """Further runs, whose mean counts."""
    return option(
        "--with",
        "others",
        multiple=True,
        metavar="RUN_DIR",
        type=FILE,
        help=f"Another run; the mean of all networks' probabilities is {what}. Repeatable.",
    )


JSON = option("--json", "as_json", is_flag=True, help="Print one JSON object.")
ROWS = option("--rows", is_flag=True, help="Print the network as rows [repeat, name, args].")
LIST = option("--list", "list_all", is_flag=True, help="Show all networks and published figures.")
TRAINING = option("--training", type=FILE, help="YAML file of training settings.")


def seed(text: str) -> Decorator[Any]:
    """The random seed of what is no training."""
    return option("--seed", type=click.IntRange(0), default=0, show_default=True, help=text)


# Where a study is that several machines share.


def _password_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """For this process and the workers that it starts, none of whose arguments tells it."""
    if path is not None:
        os.environ["NAS_STORAGE_PASSWORD_FILE"] = str(path.resolve())
    return path


PASSWORD_FILE = option(
    "--storage-password-file",
    type=FILE,
    envvar="NAS_STORAGE_PASSWORD_FILE",
    expose_value=False,
    callback=_password_file,
    help="File whose first line is the storage's password.",
)


def storage(*, required: bool = False) -> Decorator[Any]:
    """Address of a server that keeps the study."""
    return option(
        "--storage",
        metavar="URL",
        required=required,
        callback=named,
        help="Server that keeps the study, without a password: postgresql://user@host/db, "
        "mysql://user@host/db or grpc://host:port.",
    )


def study(text: str, *, required: bool = False) -> Decorator[Any]:
    """Name of a study on a server."""
    return option(
        "--study-name", "study", metavar="NAME", required=required, callback=named, help=text
    )


# What it runs on.


@dataclass(frozen=True)
class Machine:
    """What a command runs on."""

    device: str | None
    threads: int | None

    @property
    def where(self) -> str:
        """The device's name; `auto` where none is given."""
        return self.device or "auto"

    def ready(self) -> "torch.device":
        """The device, with PyTorch on that many cores. Raises NasError for one that is not here."""
        from nas.train.device import choose_device, set_threads

        set_threads(self.threads)
        return choose_device(self.where)


def machine(threads: str) -> Decorator[Any]:
    """The device, and `threads` in words where their number is not given."""
    return grouped(
        "machine",
        Machine,
        option("--device", metavar="NAME", told_default="auto", help="auto, cpu, cuda, cuda:1."),
        option(
            "--threads",
            type=click.IntRange(1, 1_024),
            told_default=threads,
            help="Cores that PyTorch uses.",
        ),
    )


def _load_plugins(ctx: click.Context, param: click.Parameter, modules: tuple[str, ...]) -> Any:
    from nas.plugins import load_plugins

    load_plugins(modules)
    return modules


def imports(*, kept: bool = False) -> Decorator[Any]:
    """Modules that are imported before anything else is looked at.

    Where they are `kept`, the command is given their names: its workers import them too.
    """
    return option(
        "--import",
        "imports",
        multiple=True,
        metavar="MODULE",
        is_eager=True,
        expose_value=kept,
        callback=_load_plugins,
        help="Module of your own to import first: blocks, tasks, objectives, networks. Repeatable.",
    )

"""The entry point of `nas`: commands that are imported when asked for, errors as one line."""

import io
import os
import sys
from importlib import import_module

import click

from nas.cli.interrupt import heed_signals, interrupted_exit_code
from nas.errors import NasError
from nas.text_table import plain_text

COMMANDS = {
    "search": "Search a space for compact networks within a budget.",
    "worker": "Help a search that others began, on whatever machine.",
    "dashboard": "Show the trials of a search in a browser.",
    "train": "Train one network in full, and test it once.",
    "evaluate": "Measure a trained network on a split of its data, or of others.",
    "predict": "Predict files with a trained network.",
    "export": "Write a trained network as a file for other runtimes, if it computes the same.",
    "macs": "Count a network's multiply-adds, layer by layer.",
    "latency": "Measure how long a network takes on this machine.",
    "arch": "Look at architecture files, and convert them.",
    "space": "Check a search space, and sample networks from it.",
    "device": "List devices that a search can be held to.",
    "data": "Look at a data set before it is trained on.",
    "baseline": "Train the big networks that compact ones are held against.",
    "covid": "Cross-validation and submissions for chest X-rays.",
}
"""What each command does. Its function stands under the command's name in a module of that name."""


class AnnouncedCommand(click.Command):
    """A command that is known by its name and one line of help; its module is not imported yet."""

    def load(self) -> click.Command:
        """The command itself."""
        command = getattr(import_module(f"nas.cli.{self.name}"), str(self.name))
        assert isinstance(command, click.Command)
        return command


class CommandGroup(click.Group):
    """Commands in the order of their work, imported when one is run or its own help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, the command loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, AnnouncedCommand) else command, rest


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="compact-nas", prog_name="nas")
def nas() -> None:
    """Find, train and ship compact networks for your own data under a budget of multiply-adds."""


for _name, _line in COMMANDS.items():
    nas.add_command(AnnouncedCommand(_name, short_help=_line))


class PlainStream(io.TextIOWrapper):
    """A stream to a terminal, or wherever it leads, that never sends what a terminal obeys.

    Names of files, classes and layers are other people's: control characters in them are escaped,
    and so is what the encoding lacks.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
        super().__init__(
            stream.detach(),
            encoding,
            "backslashreplace",
            line_buffering=lines,
            write_through=through,
        )

    def write(self, text: str) -> int:
        """As any stream's."""
        super().write(plain_text(text))
        return len(text)


def main() -> None:
    """Run `nas` and exit: 0 done, 1 a NasError, 2 wrong usage, 130 interrupted, 143 by SIGTERM."""
    heed_signals()
    for name in ("stdout", "stderr"):
        if type(stream := getattr(sys, name)) is io.TextIOWrapper:  # no stand-in of a caller's
            setattr(sys, name, PlainStream(stream))
    if sys.stdout is None:  # `>&-`: the next file opened would be written to as standard output
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the end
    try:
        nas.main(standalone_mode=False)
    except NasError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except SystemExit as error:
        if error.code not in (None, 0):
            raise
        click.echo("Error: code of your own ended the program before it was done", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(interrupted_exit_code())
    except BrokenPipeError:  # `nas macs ... | head` ends quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno is None:
            raise
        # What the system refuses is the user's to mend: a full disk, a folder not to be written.
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # its rest can't go either
        sys.exit(1)

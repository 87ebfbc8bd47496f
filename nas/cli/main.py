"""The entry point of `nas`: commands, and errors as one line."""

import os
import signal
import sys

import click

from nas.cli.arch import arch
from nas.cli.baseline import baseline
from nas.cli.covid import covid
from nas.cli.data import data
from nas.cli.evaluate import evaluate
from nas.cli.macs import macs
from nas.cli.predict import predict
from nas.cli.search import search
from nas.cli.space import space
from nas.cli.train import train
from nas.errors import NasError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="compact-nas", prog_name="nas")
def nas() -> None:
    """Find, train and ship compact networks for your own data under a budget of multiply-adds."""


for _command in (search, train, evaluate, predict, macs, arch, space, data, baseline, covid):
    nas.add_command(_command)


def main() -> None:
    """Run `nas` and exit: 0 done, 1 a NasError, 2 wrong usage, 130 interrupted."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `nas macs ... | head` ends quietly
    if sys.stdout is None:  # `>&-`: the next file opened would be written to as standard output
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the end
    try:
        nas.main(standalone_mode=False)
    except NasError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:
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

"""A command line whose user's mistakes end it with one line, as those of `nas` do."""

from typing import Any

import click

from nas.errors import NasError


class Program(click.Command):
    """A command that turns a NasError into a message and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NasError as error:
            raise click.ClickException(str(error)) from error

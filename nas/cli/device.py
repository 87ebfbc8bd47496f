"""`nas device`: the devices that a search can be held to."""

import click

from nas.cli.options import Command


@click.group("device")
def device() -> None:
    """Look at devices, whose memory a search can be held to."""


@device.command("list", cls=Command)
def list_devices() -> None:
    """List the installed device profiles, and what a network may take on each."""
    from nas.device.profiles import installed_profiles
    from nas.text_table import aligned

    rows = [(profile.name, profile.line(), profile.description) for profile in installed_profiles()]
    click.echo(
        "\n".join(aligned([("device", "room for a network", "what it is"), *rows], left=(0, 1, 2)))
    )

"""`nas dashboard`: the trials of a search in a browser."""

from pathlib import Path

import click

from nas.cli.options import FILE, Command, option


@click.command("dashboard", cls=Command)
@click.argument("run", metavar="SEARCH_DIR", type=FILE)
@option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="Where it listens, on this machine alone; 0 takes a free one.",
)
def dashboard(run: Path, port: int) -> None:
    """Show the trials of SEARCH_DIR in optuna-dashboard, until Ctrl-C.

    The search may run meanwhile. Needs `pip install 'compact-nas[dashboard]'`.
    """
    from nas.search.dashboard import dashboard_server

    with dashboard_server(run, port) as server:
        click.echo(f"http://localhost:{server.server_port}/dashboard  (Ctrl-C ends it)")
        server.serve_forever()

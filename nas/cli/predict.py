"""`nas predict`: what a trained network says of files."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.tasks.base import Prediction


@click.command("predict")
@click.argument("run", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write  [default: the terminal]"
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--threads", type=click.IntRange(1), help="Cores that PyTorch uses  [default: all]")
def predict(
    run: Path,
    files: tuple[Path, ...],
    form: str,
    out: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Predict FILES, or all in folders, with the network of RUN_DIR that `nas train` wrote.

    A file that can't be read gets an error in place of a prediction, and the exit code is 1.
    """
    from nas.files import atomic_write_text
    from nas.train.device import choose_device, set_threads
    from nas.train.trained import load_trained

    set_threads(threads)
    trained = load_trained(run, choose_device(device))
    predictions = list(trained.predict(_listed(files, trained.architecture.task)))
    text = _as_json(predictions) if form == "json" else _as_csv(predictions)
    if out is None:
        click.echo(text, nl=False)
    else:
        atomic_write_text(out, text)
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if failed:
        click.echo(f"Error: {len(failed)} of {len(predictions)} files could not be read", err=True)
        raise SystemExit(1)


def _listed(given: Sequence[Path], task: str) -> list[Path]:
    """The files as given, and those within folders."""
    from nas.tasks.registry import task_named

    files: list[Path] = []
    for path in given:
        if not path.is_dir():
            files.append(path)
            continue
        found = task_named(task).find_files(path)
        if not found:
            raise NasError("nothing in this folder can be predicted", file=path)
        files += found
    return files


def _as_json(predictions: "Sequence[Prediction]") -> str:
    """A list with one object a file."""
    rows: list[dict[str, Any]] = [
        {"file": p.file, **p.values} if p.error is None else {"file": p.file, "error": p.error}
        for p in predictions
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _as_csv(predictions: "Sequence[Prediction]") -> str:
    """A row a file, a column a value; mappings are spread as `name:key`."""
    rows = [{"file": p.file, **_spread(p.values), "error": p.error or ""} for p in predictions]
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "error"))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "error"], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _spread(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}:{key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat

"""Find the search spaces and reference architectures that are installed with the package."""

from importlib.resources import files
from pathlib import Path

from nas.errors import NasError, did_you_mean


def installed_spaces() -> tuple[str, ...]:
    """File names of the installed search spaces."""
    folder = Path(str(files("search_spaces")))
    return tuple(sorted(path.name for path in folder.glob("*.yaml")))


def find_architecture(path: str | Path) -> Path:
    """`path`, or the installed reference network of that name where no such file is here."""
    path = Path(path)
    if path.name != str(path) or _is_here(path):
        return path
    references = Path(str(files("search_spaces"))) / "reference"
    for name in (path.name, f"{path.name}.yaml"):
        if (references / name).is_file():
            return references / name
    return path


def _is_here(path: Path) -> bool:
    """Whether there is such a file, or a name that can't be one: reading it tells what is wrong."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


def find_space(path: str | Path) -> Path:
    """`path` if it exists, else the installed space of that name. Raises NasError for neither."""
    path = Path(path)
    if _is_here(path):
        return path
    installed = Path(str(files("search_spaces")))
    for name in (path, path.with_name(f"{path.name}.yaml")):
        if not path.is_absolute() and (installed / name).is_file():
            return installed / name
    near = did_you_mean(path.name, installed_spaces())
    raise NasError(
        f"no such file, here or among the installed spaces{near}",
        file=path,
    )

"""What a device has room for, from a small YAML file."""

from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import model_validator

from nas.errors import NasError, did_you_mean
from nas.spec.budget import BudgetSpec, Precision, Quantity, Size, SizeOrZero
from nas.spec.load import read_document
from nas.spec.quantity import count_text
from nas.spec.validate import Frozen, Name, name_of, validate


class DeviceProfile(Frozen):
    """A device's memory, and how much of it the program around a network needs."""

    name: Name = ""
    """By default the file's."""
    description: str = ""
    precision: Precision = "int8"
    """What a network's numbers are on it."""
    flash: Size | None = None
    """Bytes of memory that keep the program and the weights; null is no limit."""
    reserved_flash: SizeOrZero | None = None
    """Of these, for the program: the runtime, its kernels, the rest of the firmware."""
    ram: Size | None = None
    """Bytes of working memory; null is no limit."""
    reserved_ram: SizeOrZero | None = None
    """Of these, for all but a network's activations: stack, buffers, the kernels' scratch space."""
    max_macs: Quantity | None = None
    """Most multiply-adds of one sample that it is quick enough for; null is no limit."""
    source: str = ""
    """Where the figures are from."""

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        for place, all_bytes, reserved in (
            ("flash", self.flash, self.reserved_flash),
            ("ram", self.ram, self.reserved_ram),
        ):
            if all_bytes is None and reserved:
                raise ValueError(f"reserved_{place} is a part of {place}, which is not said")
            if all_bytes is not None and (reserved or 0) >= all_bytes:
                problem = f"reserved_{place} {reserved} leaves nothing of {all_bytes} bytes"
                raise ValueError(problem)
        return self

    @property
    def max_flash(self) -> int | None:
        """Bytes that are left for the weights."""
        return None if self.flash is None else self.flash - (self.reserved_flash or 0)

    @property
    def max_ram(self) -> int | None:
        """Bytes that are left for the activations."""
        return None if self.ram is None else self.ram - (self.reserved_ram or 0)

    def over(self, budget: BudgetSpec) -> BudgetSpec:
        """The budget with the device's memory in place of its own, and the smaller of the MACs."""
        bounds = [bound for bound in (budget.max_macs, self.max_macs) if bound is not None]
        max_macs = min(bounds, default=None)
        above = max_macs is not None and (budget.from_macs or 0) > max_macs
        return budget.model_copy(
            update={
                "max_macs": max_macs,
                "from_macs": None if above else budget.from_macs,
                "max_flash": self.max_flash,
                "max_ram": self.max_ram,
                "precision": self.precision,
            }
        )

    def line(self) -> str:
        """What it has room for, in words."""
        sizes = (("weights", self.max_flash), ("activations", self.max_ram))
        room = [f"{count_text(size, 'B')} of {what}" for what, size in sizes if size is not None]
        if self.max_macs is not None:
            room.append(f"{count_text(self.max_macs)} MACs")
        return f"{', '.join(room) or 'no limit'}, {self.precision}"


def installed_profiles() -> tuple[DeviceProfile, ...]:
    """Those that come with the package, by name."""
    return tuple(load_profile(path) for path in _installed().values())


def _installed() -> dict[str, Path]:
    folder = Path(str(files("search_spaces"))) / "devices"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_profile(name: str | Path) -> DeviceProfile:
    """The profile of a YAML file, or the installed one of that name.

    Raises NasError with file, line and key for whatever is wrong in it.
    """
    installed = _installed()
    path = installed.get(str(name), Path(name))
    if path.suffix != ".yaml":
        near = did_you_mean(str(name), installed)
        raise NasError(f"no device {str(name)!r}{near}; or give a .yaml file of your own")
    document = read_document(path)
    profile = validate(DeviceProfile, document)
    return profile.model_copy(update={"name": name_of(document, profile.name)})

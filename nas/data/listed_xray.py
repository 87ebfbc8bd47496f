"""One X-ray of a data set, before it is decoded."""

from dataclasses import dataclass
from pathlib import Path

from nas.data.boxes import Box
from nas.data.split_names import Split
from nas.spec.preprocess import XrayLabels


@dataclass(frozen=True)
class ListedXray:
    """An image's file, what the tables say of it, and where it belongs."""

    id: str
    study_id: str
    key: str
    """Path relative to the data set's folder, with forward slashes."""
    path: Path
    study_class: str
    boxes: tuple[Box, ...]
    """In the file's own pixels, as the table has them."""
    unmarked: bool
    """Has no boxes while another image of its study has: of such copies one is annotated."""
    place: str
    """`TABLE:LINE` of the image's row."""
    split: Split
    patient: str | None = None
    group: str = ""
    """Its patient where one is known, else its study: images of one group go together."""
    fold: int | None = None
    """0 to 4; None in a given test split."""

    def class_by(self, labels: XrayLabels) -> str:
        """Name of its class: its study's, else whether it has a box."""
        if labels == "study":
            return self.study_class
        return "opacity" if self.boxes else "none"

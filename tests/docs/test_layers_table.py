"""The table of layers names every package that there is, at the layer that `test_layers` holds."""

import re

from tests.docs.pages import ROOT, read
from tests.test_layers import LAYERS


def test_the_table_of_layers_is_the_one_that_is_tested() -> None:
    rows = re.findall(r"^\| (\d) \| (.+?) \|", read("docs/how-it-works.md"), re.MULTILINE)
    shown = {
        package: int(layer) for layer, cell in rows for package in re.findall(r"`([\w.]+)`", cell)
    }
    there = {
        package: layer
        for package, layer in LAYERS.items()
        if (path := ROOT / package.replace(".", "/")).is_dir() or path.with_suffix(".py").is_file()
    }

    assert shown == {package: layer for package, layer in there.items() if package != "nas"}

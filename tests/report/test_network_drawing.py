"""The picture of a network."""

from xml.etree import ElementTree

import pytest

from nas.errors import NasError
from nas.report.network_drawing import network_svg
from nas.spec.architecture import parse_architecture

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    network = parse_architecture(
        "name: a <b> & c\ninput: {channels: 3, height: 8, width: 8}\nclasses: 2\n"
        "layers:\n"
        "- {block: FixedConv, out: 4, kernel: 1}\n- {block: FixedConv, out: 8, kernel: 1}\n"
    )
    picture = ElementTree.fromstring(network_svg(network))
    words = [item.text for item in picture.iter(f"{SVG}text")]
    assert "a <b> & c" in words
    assert words.count("8×8×8") == 1
    bars = [
        float(item.get("width", ""))
        for item in picture.iter(f"{SVG}rect")
        if item.get("class") == "macs"
    ]
    # 3 x 4 weights at each place, then 4 x 8
    assert bars[0] / bars[1] == pytest.approx(12 / 32, abs=0.01)
    assert max(bars) == bars[1]


def test_it_refers_to_nothing_else() -> None:
    network = parse_architecture(
        "input: {height: 8, width: 8}\nclasses: 2\nlayers:\n- {block: Conv, out: 8}\n"
    )
    text = network_svg(network).replace("http://www.w3.org/2000/svg", "")
    assert not any(word in text for word in ("http", "href", "url(", "<script", "@import"))


def test_another_library_s_network_is_refused() -> None:
    other = "input: {height: 32, width: 32}\nclasses: 2\nmodel: torchvision:resnet18\n"
    with pytest.raises(NasError, match="another library"):
        network_svg(parse_architecture(other))

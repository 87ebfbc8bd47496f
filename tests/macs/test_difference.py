"""Two architectures side by side, by hand."""

import pytest

from nas.errors import NasError
from nas.macs.difference import difference_lines, layer_pairs
from nas.spec.architecture import parse_architecture

HEAD = "input: {channels: 3, height: 8, width: 8}\nclasses: 2\nlayers:\n"
STEM = "- {block: Conv, out: 8, kernel: 3}\n"
UNIT = "- {block: ShuffleNetV2}\n"
LAST = "- {block: Conv, out: 16, kernel: 1}\n"


def test_a_network_is_its_own() -> None:
    network = parse_architecture(HEAD + STEM + UNIT + LAST)
    lines = difference_lines(network, network)
    assert lines[:2] == [
        "no layer differs",
        f"{len(layer_pairs(network, network))} layers are the same",
    ]
    assert [line.split()[-1] for line in lines[4:]] == ["+0.0%"] * 4


def test_what_is_added_shifts_nothing_after_it() -> None:
    before, after = (parse_architecture(HEAD + body + LAST) for body in (STEM, STEM + UNIT))
    [row] = [line for line in difference_lines(before, after) if "added" in line]
    assert row.split()[1:5] == ["ShuffleNetV2", "added", "-", "8x8x8"]
    [back] = [line for line in difference_lines(after, before) if "removed" in line]
    assert back.split()[1:5] == ["ShuffleNetV2", "removed", "8x8x8", "-"]
    assert "layers are the same" in "".join(difference_lines(before, after)[:4])


def test_a_changed_setting_is_named_and_so_is_what_it_changes_after_it() -> None:
    before = parse_architecture(HEAD + STEM + LAST)
    after = parse_architecture(HEAD + STEM.replace("out: 8", "out: 16") + LAST)
    lines = difference_lines(before, after)
    # 3 x 3 x 3 weights a channel, at 8 x 8 places
    assert lines[1].split()[1:] == [
        *("Conv", "out", "8", ">", "16", "8x8x8", "16x8x8", f"{8 * 27 * 64:,}", f"{16 * 27 * 64:,}")
    ]
    assert "in 8x8x8 > 16x8x8" in lines[2]


def test_another_library_s_network_has_no_layers_here() -> None:
    ours = parse_architecture(HEAD + STEM)
    other = parse_architecture(
        "input: {height: 32, width: 32}\nclasses: 2\nmodel: torchvision:shufflenet_v2_x0_5\n"
    )
    with pytest.raises(NasError, match="another library"):
        difference_lines(ours, other)

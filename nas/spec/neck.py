"""The neck of a detector: what joins the maps at several strides, as it is written."""

from typing import Any

from blocks import NECKS
from nas.spec.definition import DETECTION_HEAD, Head, default_neck
from nas.spec.layers import LayerSpec, parse_layer
from nas.spec.load import Document, show
from nas.spec.parse import parse_template
from nas.spec.template import LayerTemplate

KEY = ("neck",)


def parse_neck(document: Document, head: Head, data: Any) -> LayerSpec | None:
    """The neck of an architecture file; the default where a detector's file has none.

    Raises NasError for a neck that another head has no use for.
    """
    _check(document, head, data)
    if data is None:
        return default_neck() if head == DETECTION_HEAD else None
    return parse_layer(document, KEY, data, classes=0, registry=NECKS)


def parse_neck_template(document: Document, head: Head, data: Any) -> LayerTemplate | None:
    """The neck of a search space, with its choices; see `parse_neck`."""
    _check(document, head, data)
    if head != DETECTION_HEAD:
        return None
    template = parse_template(document, KEY, data or _written_default(), 0, necks=True)
    if 0 in template.repeats:
        raise document.error((*KEY, "repeat"), "0 is not allowed: a detector has a neck")
    return template


def _written_default() -> dict[str, Any]:
    neck = default_neck().config
    return {"block": neck.name, **neck.model_dump(mode="json")}


def _check(document: Document, head: Head, data: Any) -> None:
    if data is None:
        return
    if head != DETECTION_HEAD:
        raise document.error(KEY, f"only head: {DETECTION_HEAD} has a neck, not head: {head}")
    if not isinstance(data, dict):
        problem = f"a neck is a mapping such as {{block: BiFPN, out: 64}}, not {show(data)}"
        raise document.error(KEY, problem)
    if "name" in data:
        raise document.error((*KEY, "name"), "a neck has no other name: leave it out")

"""Random architectures, as objects."""

from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from blocks import BLOCKS, BlockConfig
from nas.data.image.preprocess import ImagePreprocess
from nas.files import file_name
from nas.spec.definition import ArchitectureSpec, InputSpec
from nas.spec.layers import LayerSpec
from nas.spec.provenance import Provenance
from nas.text_table import plain_name

WIDTHS = st.sampled_from([8, 16, 24, 40])
NAMES = st.text(max_size=12).map(file_name)
CLASSES = st.text(max_size=8).map(plain_name)
"""Any text, as files may have it: others are refused or escaped."""
ACTIVATIONS = st.sampled_from([None, "ReLU", "Hardswish", "SiLU"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "out": WIDTHS,
    "kernel": st.sampled_from([1, 3, 5]),
    "stride": st.sampled_from([1, 2, "2x1", "1x2"]),
    "padding": st.sampled_from([None, 0, 1, "same"]),
    "norm_eps": st.sampled_from([1e-5, 1e-3]),
    "groups": st.sampled_from([1, 2, 8]),
    "activation": ACTIVATIONS,
    "expand": st.sampled_from([1, 2, 1.4, 3.67]),
    "expansion": st.sampled_from([0.5, 1.0]),
    "se": st.booleans(),
    "hs": st.booleans(),
    "shortcut": st.booleans(),
    "ratio": st.sampled_from([1, 16]),
    "p": st.sampled_from([0.0, 0.2]),
}
NAMES = st.from_regex(r"[ABCDEF][0-9e_-]{0,5}", fullmatch=True)


@st.composite
def configs(draw: st.DrawFn, *, rows: bool = False) -> BlockConfig:
    """A block of any kind that a feature map may come into; with `rows`, as a row can say it."""
    names = [name for name in BLOCKS if name not in ("Flatten", "Linear")]
    block = BLOCKS[draw(st.sampled_from(names))]
    fields = block.row_arguments if rows else block.model_fields
    settings = {field: draw(VALUES[field]) for field in fields}
    try:
        return block.model_validate(settings)
    except ValidationError:
        return BLOCKS["Conv"].model_validate({"out": 16})


@st.composite
def architectures(draw: st.DrawFn, *, rows: bool = False) -> ArchitectureSpec:
    """A network that holds together; with `rows`, nothing but what the row form can say."""
    size = InputSpec(channels=draw(st.sampled_from([1, 3, 8])), height=draw(st.integers(7, 40)),
                     width=draw(st.integers(7, 40)))  # fmt: skip
    layers: list[LayerSpec] = []
    shape = size.shape
    for index in range(draw(st.integers(1, 5))):
        layer = LayerSpec(
            draw(configs(rows=rows)),
            draw(st.integers(1, 3)),
            None if rows or draw(st.booleans()) else f"{draw(NAMES)}x{index}",
        )
        try:
            following: Any = shape
            for config in layer.copies():
                following = config.output_shape(following)
        except ValueError:
            continue
        layers.append(layer)
        shape = following
    layers = layers or [LayerSpec(BLOCKS["Conv"].model_validate({"out": 8}))]
    classes = draw(st.lists(CLASSES, min_size=1, max_size=5, unique=True))
    spec = ArchitectureSpec(name=draw(NAMES), input=size,
                            layers=tuple(layers), classes=tuple(classes))  # fmt: skip
    return spec if rows else _with_extras(draw, spec)


_NUMBERS = st.floats(allow_nan=False) | st.integers(-(10**20), 10**20)
_LEAVES = st.none() | st.booleans() | _NUMBERS | st.text(max_size=12)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
_UNKNOWN = st.dictionaries(
    st.text(max_size=8).filter(lambda key: key not in Provenance.model_fields), _JSON, max_size=3
)
_KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "study": _JSON,
        "macs": st.integers(0, 10**12),
        "data": st.none() | st.text(max_size=12),
        "split_seed": st.integers(0, 2**31),
        "split_digest": st.none() | st.text(max_size=16),
        "training": st.none() | st.dictionaries(st.text(max_size=6), _JSON, max_size=3),
        "strict": st.booleans(),
        "threads": st.none() | st.integers(1, 1_024),
        "aux_weight": st.none() | st.floats(allow_nan=False),
    },
)
FACTS = st.builds(lambda known, unknown: {**known, **unknown}, _KNOWN, _UNKNOWN)
"""What a provenance says: keys that are known, and others of any name."""


def _with_extras(draw: st.DrawFn, spec: ArchitectureSpec) -> ArchitectureSpec:
    preprocess = draw(st.sampled_from([None, ImagePreprocess(mean=(0.1, 1e-5, 0.3))]))
    return ArchitectureSpec(
        name=spec.name,
        input=spec.input,
        layers=spec.layers,
        classes=spec.classes,
        preprocess=preprocess,
        provenance=Provenance.model_validate(draw(FACTS)),
    )

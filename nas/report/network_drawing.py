"""A network as a picture: its layers with their shapes, and a bar each for MACs and memory."""

from html import escape

from blocks import Shape, shapes_in
from nas.errors import NasError
from nas.macs.architecture import block_cost, count_architecture
from nas.spec.definition import ArchitectureSpec
from nas.spec.quantity import count_text
from nas.text_table import plain_text

_ROW, _TOP, _BAR = 26, 84, 150
"""Heights of a row and of what is above the rows, and the length of the longest bar."""
_COLUMNS = {"layer": 24, "block": 170, "output": 350, "MACs": 480, "activations": 730}
_WIDTH = 980
_LONGEST = 18
"""Characters of a name or a block."""
# Dark where the reader's page is: a picture in a page follows the reader's own setting.
_STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .dim { fill: #59636e } .band { fill: #f6f8fa }
  .macs { fill: #2a78b5 } .memory { fill: #c2672b }
  text { font: 13px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
  .title { font-size: 17px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .dim { fill: #9198a1 } .band { fill: #161b22 }
    .macs { fill: #58a6e0 } .memory { fill: #e2915c }
  }
"""


def network_svg(architecture: ArchitectureSpec) -> str:
    """A self-contained SVG, light or dark as the reader's page is.

    Memory is the peak of activations within the layer at float32, its input included. Raises
    NasError for a network of another library, whose layers the architecture does not know.
    """
    if architecture.model is not None:
        raise NasError(f"{architecture.model} is another library's network", key="model")
    steps = (*architecture.steps(), *architecture.head_steps())
    costs = [block_cost(step.config, step.in_shape) for step in steps]
    most_macs = max((cost.macs for cost in costs), default=0)
    most_bytes = max((cost.peak_activation_bytes for cost in costs), default=0)
    height = _TOP + _ROW * len(steps) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">',
        f"<title>{_clean(architecture.name)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
        _text(24, 30, architecture.name, "text title"),
        _text(24, 51, _summary(architecture), "dim"),
        *(_text(x, _TOP - 10, name, "dim") for name, x in _COLUMNS.items()),
    ]
    for place, (step, cost) in enumerate(zip(steps, costs, strict=True)):
        top = _TOP + _ROW * place
        if place % 2 == 0:
            band = f'<rect class="band" x="12" y="{top}" width="{_WIDTH - 24}" height="{_ROW}"/>'
            parts.append(band)
        words = (_short(step.name), _short(step.config.name), _short(_shape(step.out_shape)))
        kinds = ("text", "text", "dim")
        for word, kind, x in zip(words, kinds, _COLUMNS.values(), strict=False):
            parts.append(_text(x, top + 17, word, kind))
        parts += _bar("MACs", "macs", top, cost.macs, most_macs, "")
        parts += _bar("activations", "memory", top, cost.peak_activation_bytes, most_bytes, "B")
    return "\n".join([*parts, "</svg>", ""])


def _summary(architecture: ArchitectureSpec) -> str:
    report = count_architecture(architecture)
    return (
        f"input {_shape(architecture.input.shape)}   ·   {count_text(report.total)} MACs   ·   "
        f"{count_text(report.parameters)} parameters   ·   activations "
        f"{count_text(report.peak_activation_bytes, 'B')} at float32"
    )


def _bar(column: str, kind: str, top: int, value: int, most: int, unit: str) -> list[str]:
    x = _COLUMNS[column]
    length = _BAR * value / most if most else 0
    bar = f'<rect class="{kind}" x="{x}" y="{top + 7}" width="{length:.1f}" height="12" rx="2"/>'
    return [bar, _text(x + length + 8, top + 17, count_text(value, unit), "dim")]


def _text(x: float, y: int, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{_clean(words)}</text>'


def _clean(words: str) -> str:
    return escape(plain_text(words))


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _shape(shape: Shape) -> str:
    return " + ".join("×".join(map(str, part)) for part in shapes_in(shape))

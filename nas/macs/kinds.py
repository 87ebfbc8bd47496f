"""Kinds of op, the rows of a comparison between counters."""

from enum import StrEnum

from torch import nn


class Kind(StrEnum):
    """What an amount was counted for."""

    CONVOLUTION = "convolution"
    PRODUCT = "linear and matrix products"
    RECURRENT = "recurrent layers"
    ATTENTION = "attention modules"
    BIAS = "biases"
    NORMALISATION = "normalisation"
    ACTIVATION = "activation"
    POOLING = "pooling"
    ELEMENTWISE = "elementwise sum and product"
    RESIZE = "resizing"
    REMAINDER = "not attributed"


def kind_of_module(module: nn.Module | type[nn.Module]) -> Kind | None:
    """The kind of a layer by its class; None for classes that are no single kind of op."""
    layer = module if isinstance(module, type) else type(module)
    for bases, kind in _MODULES:
        if issubclass(layer, bases):
            return kind
    return None


_MODULES: tuple[tuple[tuple[type[nn.Module], ...], Kind], ...] = (
    ((nn.modules.conv._ConvNd,), Kind.CONVOLUTION),
    ((nn.Linear, nn.Bilinear), Kind.PRODUCT),
    ((nn.RNNBase, nn.RNNCellBase), Kind.RECURRENT),
    ((nn.MultiheadAttention,), Kind.ATTENTION),
    ((nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm), Kind.NORMALISATION),
    ((nn.Upsample,), Kind.RESIZE),
    (
        (
            nn.modules.pooling._MaxPoolNd,
            nn.modules.pooling._AvgPoolNd,
            nn.modules.pooling._AdaptiveAvgPoolNd,
            nn.modules.pooling._AdaptiveMaxPoolNd,
        ),
        Kind.POOLING,
    ),
    ((nn.ReLU, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.ReLU6, nn.GELU), Kind.ACTIVATION),
)


def kind_of_function(name: str) -> Kind:
    """The kind of a function of torch or torch.nn.functional by its name."""
    if "pool" in name:
        return Kind.POOLING
    if "conv" in name:
        return Kind.CONVOLUTION
    return _FUNCTIONS.get(name, Kind.REMAINDER)


_FUNCTIONS = {
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "addmm", "baddbmm"), Kind.PRODUCT),
    **dict.fromkeys(
        ("relu", "prelu", "elu", "relu6", "gelu", "silu", "leaky_relu", "softmax"), Kind.ACTIVATION
    ),
    **dict.fromkeys(("add", "mul"), Kind.ELEMENTWISE),
    **dict.fromkeys(("interpolate", "upsample"), Kind.RESIZE),
}

WHY = {
    Kind.CONVOLUTION: "counters differ on transposed ones and on those in unlisted functions",
    Kind.PRODUCT: "fvcore and ptflops pass over fused attention and products in unlisted functions",
    Kind.RECURRENT: "fvcore and ptflops_aten skip these; ptflops adds the gates and biases",
    Kind.ATTENTION: "for fvcore and ptflops_aten part of the products; ptflops adds its softmax",
    Kind.BIAS: "one addition an output, no product: not ours, nor fvcore's",
    Kind.NORMALISATION: "fvcore and ptflops: 2 an element; not ours, for it folds into weights",
    Kind.ACTIVATION: "ptflops: 1 an element, for the module and each function that it calls",
    Kind.POOLING: "ptflops: 1 an input element, for module and function; fvcore: adaptive means",
    Kind.ELEMENTWISE: "ptflops: sums and products by function, not those by operator",
    Kind.RESIZE: "fvcore and ptflops count the output's elements",
    Kind.REMAINDER: "in the counter's total, but in none of its parts",
}
"""Why counters differ in a kind of op; the amounts themselves are taken from the counters."""

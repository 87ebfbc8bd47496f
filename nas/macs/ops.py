"""Which ops are known: what each costs by our convention, which cost nothing, ops of one's own."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

Formula = Callable[[Sequence[Any], Tensor], int]
"""From an op's positional arguments and its (first) output to its multiply-adds."""


def _product(left: Tensor, right: Tensor) -> int:
    """`(..., m, k) @ (..., k, n)`; vectors count as a row on the left or a column on the right."""
    columns = right.shape[-1] if right.dim() > 1 else 1
    return left.numel() * columns


def _two_factors(arguments: Sequence[Any], out: Tensor) -> int:
    return _product(arguments[0], arguments[1])


def _addend_and_two_factors(arguments: Sequence[Any], out: Tensor) -> int:
    return _product(arguments[1], arguments[2])


def _outer_product(arguments: Sequence[Any], out: Tensor) -> int:
    return int(arguments[1].numel() * arguments[2].numel())


def _linear(arguments: Sequence[Any], out: Tensor) -> int:
    features, weight = arguments[:2]
    return int(features.numel() * weight.shape[0])


def _convolution(arguments: Sequence[Any], out: Tensor) -> int:
    """Every output element, or of a transposed convolution every input element, meets one filter.

    Products with padding count as the others do, as in torch.utils.flop_counter.
    """
    features, weight, transposed = arguments[0], arguments[1], arguments[6]
    places: Tensor = features if transposed else out
    return places.numel() * prod(int(size) for size in weight.shape[1:])


def _trilinear(arguments: Sequence[Any], out: Tensor) -> int:
    """The op under nn.Bilinear: one multiply-add for each weight and sample.

    It is a linear layer on the outer product of the two inputs; the outer product itself is
    elementwise.
    """
    shapes: list[list[int]] = []
    for factor, axes in zip(arguments[:3], arguments[3:6], strict=True):
        shape = list(factor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return prod(max(sizes) for sizes in zip(*shapes, strict=True))


def _attention(arguments: Sequence[Any], out: Tensor) -> int:
    """Queries times keys, then weights times values, unmasked; `(N, heads, length, features)`."""
    queries, keys, values = arguments[:3]
    length = keys.shape[-2]
    return int(queries.numel() * length + prod(queries.shape[:-1]) * length * values.shape[-1])


FORMULAS: dict[str, Formula] = {
    "mm": _two_factors,
    "bmm": _two_factors,
    "mv": _two_factors,
    "dot": _two_factors,
    "vdot": _two_factors,
    "addmm": _addend_and_two_factors,
    "addbmm": _addend_and_two_factors,
    "baddbmm": _addend_and_two_factors,
    "addmv": _addend_and_two_factors,
    "addr": _outer_product,
    "linear": _linear,
    "convolution": _convolution,
    "_convolution": _convolution,
    "_trilinear": _trilinear,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
}
"""By the name of the op in `torch.ops.aten`, without the underscore of its in-place form."""

CONVOLUTIONS = frozenset({"convolution", "_convolution"})
"""Those of them that are convolutions."""


_NORMALISATION = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm
    batch_norm native_layer_norm native_group_norm _fused_rms_norm renorm _weight_norm_interface
"""
_ACTIVATION = """
    hardswish prelu _prelu_kernel rrelu rrelu_with_noise glu _softmax _log_softmax _safe_softmax
    _masked_softmax native_dropout bernoulli
"""
_POOLING = """
    max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d max_pool3d avg_pool1d
    avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d
    adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
    max_unpool2d max_unpool3d
"""
_REDUCTION = """
    sum mean prod amax amin max min var std var_mean std_mean logsumexp norm linalg_vector_norm
    cumsum cumprod cummax cummin logcumsumexp argmax argmin any all count_nonzero median nanmedian
    aminmax nansum
"""
_RESIZE = """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d
    upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d
    grid_sampler_3d affine_grid_generator
"""
_MOVEMENT = """
    cat stack clone copy _to_copy constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d channel_shuffle native_channel_shuffle
    pixel_shuffle pixel_unshuffle roll flip rot90 repeat repeat_interleave tril triu im2col col2im
    unsafe_split unsafe_split_with_sizes unsafe_chunk _unsafe_view split_copy unfold_copy
    split_with_sizes_copy lift lift_fresh lift_fresh_copy contiguous _reshape_copy t transpose
    squeeze unsqueeze as_strided resize set _resize_output
"""
_SELECTION = """
    index index_select gather embedding take sort topk searchsorted bucketize index_put
    _unsafe_index _unsafe_index_put index_add index_copy index_fill scatter scatter_add
    scatter_reduce masked_scatter select_scatter slice_scatter diagonal_scatter one_hot
    _embedding_bag _embedding_bag_forward_only kthvalue unique_dim
"""
_CREATION = """
    empty empty_like empty_strided new_empty new_empty_strided empty_permuted zeros zeros_like
    new_zeros ones ones_like new_ones full full_like new_full scalar_tensor arange linspace logspace
    eye fill zero tril_indices triu_indices rand rand_like randn randn_like randint randint_like
    randperm normal normal_functional uniform random exponential hann_window hamming_window
"""
_BOOKKEEPING = """
    sym_size sym_stride sym_numel sym_storage_offset is_same_size _assert_async
    _assert_tensor_metadata detach alias size _pack_padded_sequence
    _nested_tensor_from_mask_left_aligned
"""

IGNORED: frozenset[str] = frozenset(
    " ".join(
        (
            _NORMALISATION,
            _ACTIVATION,
            _POOLING,
            _REDUCTION,
            _RESIZE,
            _MOVEMENT,
            _SELECTION,
            _CREATION,
            _BOOKKEEPING,
        )
    ).split()
)
"""By the name of the op in `torch.ops.aten`, without the underscore of its in-place form.

Views, and the ops that PyTorch itself tags as elementwise, are known without being named here.
"""


OpHandle = Callable[[Sequence[Any], Sequence[Any]], int]
"""From the arguments and the outputs of a call to its multiply-adds."""

_handles: dict[str, OpHandle] = {}


def register_op(name: str, handle: OpHandle) -> None:
    """Let calls of the op `name`, as `my_library::my_op`, cost what `handle` says.

    It is given all arguments in the order of the op's schema, left out ones with their defaults,
    and all outputs. Tensors among them are on the meta device: they have shapes and no values.
    0 is for an op that multiplies and adds nothing. The op itself needs a fake implementation
    (`torch.library.register_fake`), as counting runs it without values.
    Raises ValueError for an op that is known already.
    """
    namespace, _, op = name.partition("::")
    if not (namespace and op):
        raise ValueError(f"an op is named as my_library::my_op, not {name!r}")
    if name in _handles or (namespace == "aten" and _is_of_ours(op)):
        raise ValueError(f"op {name!r} is known already")
    _handles[name] = handle


def _is_of_ours(op: str) -> bool:
    packet = getattr(torch.ops.aten, op, None)
    functions = [] if packet is None else [getattr(packet, name) for name in packet.overloads()]
    free = any(costs_nothing(function) for function in functions)
    return op.removesuffix("_") in FORMULAS or free


def handle_of(function: OpOverload) -> OpHandle | None:
    """The handle that was registered for that op."""
    return _handles.get(function._schema.name)


def costs_nothing(function: OpOverload) -> bool:
    """Whether it is a view, elementwise, a mark of the profiler, or on the list of ignored ops.

    An op in place, or one that writes into a given tensor, is what its plain form is.
    """
    namespace, _, op = function._schema.name.partition("::")
    if namespace != "aten":
        return namespace == "profiler" or _is_free(function)
    name = op.removesuffix("_")
    if name in IGNORED or _is_free(function):
        return True
    plain = getattr(torch.ops.aten, name, None) if function._schema.is_mutable else None
    return plain is not None and any(_is_free(getattr(plain, form)) for form in plain.overloads())


def _is_free(function: OpOverload) -> bool:
    return function.is_view or torch.Tag.pointwise in function.tags


def handled_macs(
    handle: OpHandle, function: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], result: Any
) -> int:
    """What the handle says of a call. Raises ValueError for what is no number of multiply-adds."""
    left_out = function._schema.arguments[len(args) :]
    arguments = [*args, *(kwargs.get(item.name, item.default_value) for item in left_out)]
    macs = handle(arguments, result if isinstance(result, tuple | list) else (result,))
    if not isinstance(macs, int) or macs < 0:
        raise ValueError(f"the handle of {function._schema.name} gives {macs!r} multiply-adds")
    return macs

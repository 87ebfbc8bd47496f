"""Ops known to hold no multiply-adds of our convention: the only ones that count as nothing."""

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
    _assert_tensor_metadata detach alias size
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

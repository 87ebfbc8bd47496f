"""What can be known of a network before it is trained: figures and scores of its first weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

CODED = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardswish, nn.SiLU, nn.GELU, nn.Mish)
"""Activations with two regimes, parted at 0; gates (Sigmoid, Hardsigmoid) have no such codes."""


def conv_output_elements(network: nn.Module, in_shape: tuple[int, ...]) -> int:
    """Elements that all convolutions put out for one sample of that shape."""
    elements = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal elements
        elements += output.numel()

    handles = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        with _evaluating(network), torch.no_grad():
            network(torch.zeros(1, *in_shape))
    finally:
        for handle in handles:
            handle.remove()
    return elements


def synflow(network: nn.Module, in_shape: tuple[int, ...]) -> float:
    """Natural logarithm of the synaptic flow, summed over all parameters.

    Tanaka et al. 2020, arXiv:2006.05467, eq. 2 and the authors' program: parameters and statistics
    by their absolute values, an input of ones, R the sum of what comes out, the sum of dR/dtheta *
    theta. Normalisations in evaluation mode, in double precision, as R overflows. -inf for no flow.
    """
    linear = deepcopy(network).eval().double()
    for tensor in linear.state_dict().values():
        tensor.abs_()
    linear(torch.ones(1, *in_shape, dtype=torch.float64)).sum().backward()
    terms = [(p.grad * p).sum() for p in linear.parameters() if p.grad is not None]
    return float(torch.stack(terms).sum().detach().log())


def naswot(network: nn.Module, x_NCHW: Tensor) -> float:
    """ln |det K| of the codes that a minibatch has: which activations get something above 0.

    Mellor et al. 2021, arXiv:2006.04647, section 3: K_ij is the number of activations less the
    Hamming distance of the codes of i and j. The paper's networks have ReLUs alone; here the codes
    are those of all activations in `CODED`. Normalisations use the minibatch, as in the authors'
    program; their statistics are left as they were. -inf where two samples have one code.
    """
    samples = len(x_NCHW)
    kernel = torch.zeros(samples, samples, dtype=torch.float64)

    def add_codes(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        codes = (inputs[0] > 0).flatten(1).float()
        # sums of at most 2**24 ones are exact in float32
        kernel.add_(codes @ codes.T + (1 - codes) @ (1 - codes).T)

    observed = deepcopy(network).train()
    for module in observed.modules():
        if isinstance(module, CODED):
            module.register_forward_pre_hook(add_codes)
    with torch.no_grad():
        observed(x_NCHW)
    return float(torch.linalg.slogdet(kernel).logabsdet)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)

"""How a block is held against the same block of torchvision."""

import torch
from torch import Tensor, nn


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Fresh weights and running statistics, away from the values that hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        if value.dim() > 1:
            deviation = (value.numel() / value.shape[0]) ** -0.5
            value.normal_(0.0, deviation, generator=generator)
        elif name.endswith(("weight", "running_var")):
            value.uniform_(0.5, 1.5, generator=generator)
        else:
            value.normal_(0.0, 0.3, generator=generator)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy by position. Raises ValueError if the two have other shapes or another order."""
    values = list(source.state_dict().values())
    names = list(target.state_dict())
    theirs = [tuple(value.shape) for value in values]
    ours = [tuple(value.shape) for value in target.state_dict().values()]
    if theirs != ours:
        raise ValueError(f"shapes differ: {theirs} and {ours}")
    target.load_state_dict(dict(zip(names, values, strict=True)))


def assert_same_function(ours: nn.Module, theirs: nn.Module, x_NCHW: Tensor) -> None:
    """Both give the same output and input gradient with the same weights, in both modes."""
    randomise(theirs)
    copy_weights(theirs, ours)
    for training in (False, True):
        ours.train(training)
        theirs.train(training)
        one = x_NCHW.clone().requires_grad_()
        other = x_NCHW.clone().requires_grad_()
        y_ours, y_theirs = ours(one), theirs(other)
        torch.testing.assert_close(y_ours, y_theirs, rtol=1e-5, atol=1e-5)
        weight = torch.randn(y_ours.shape, generator=torch.Generator().manual_seed(1))
        (y_ours * weight).sum().backward()
        (y_theirs * weight).sum().backward()
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)


def images(*shape: int) -> Tensor:
    """Random values of that shape, the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))

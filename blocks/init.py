"""Weight initialisation, the same for every block."""

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def initialise_weights(module: nn.Module) -> None:
    """Initialise the weights of `module` as torchvision does for its compact networks.

    Convolutions: normal of variance 2 / fan-out (He et al. 2015, arXiv:1502.01852, eq. 14); linear
    layers, those over time (1x1 Conv1d) too: normal with std 0.01; biases 0. Normalisations:
    scale 1, shift 0, statistics reset. Weights on the meta device have no values and are skipped.
    """
    for part in module.modules():
        if any(parameter.is_meta for parameter in part.parameters(recurse=False)):
            continue
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out")
        elif isinstance(part, (nn.Linear, nn.Conv1d)):
            nn.init.normal_(part.weight, 0.0, 0.01)
        elif isinstance(part, (_NormBase, nn.GroupNorm, nn.LayerNorm)):
            part.reset_parameters()
            continue
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)

"""One network whose weights all members of a space share: each is a cut of it.

As in BigNAS (Yu et al. 2020, arXiv:2003.11142), but begun from weights that are known, and with a
head of its own behind each layer that a member may end behind.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.errors import NasError
from nas.macs.meta import WithoutWeights
from nas.model.build import Network, build_network
from nas.model.cut import LAYERS, Cut, SourceNetwork, TensorPart
from nas.model.identity import architecture_hash
from nas.spec.definition import ArchitectureSpec
from nas.spec.layers import Step
from nas.spec.space import SpaceSpec
from nas.train.extremes import single_choices
from nas.train.weights import build_seeded

KEPT_MEMBERS = 64
"""Members whose modules and cuts are kept; one of 20 blocks takes some 0.5 MB."""
_COUNTER = ".num_batches_tracked"
"""End of the name of a tensor that no cut needs."""


class SharedNetwork(nn.Module):
    """The largest member of a space, and heads for the members that end earlier."""

    def __init__(self, largest: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        """`heads` by the layer behind which they stand, of that layer's full width."""
        super().__init__()
        self.network = largest
        self.heads = nn.ModuleDict({_behind(layer): head for layer, head in heads.items()})

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Outputs of the largest member."""
        outputs: Tensor = self.network(x_NCHW)
        return outputs


def _behind(layer: str) -> str:
    """A name that no attribute of a module has."""
    return f"behind-{layer}"


class LiveMember(nn.Module):
    """A member that computes with the shared network's tensors as they are: gradients reach them.

    Statistics of batch normalisation are copies, which nobody keeps.
    """

    def __init__(
        self, shared: SharedNetwork, module: nn.Module, parts: Mapping[str, TensorPart]
    ) -> None:
        """`module` is the member's on the meta device."""
        super().__init__()
        self.module = module
        self._shared = (shared,)  # in a tuple it is no part of this one
        self._parts = parts
        self._buffers_of = {name for name, _ in module.named_buffers()}

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The member's outputs."""
        (shared,) = self._shared
        state = dict(shared.named_parameters()) | dict(shared.named_buffers())
        tensors = {name: part.of(state) for name, part in self._parts.items()}
        for name in self._buffers_of & tensors.keys():
            tensors[name] = tensors[name].clone()
        outputs: Tensor = functional_call(self.module, tensors, (x_NCHW,))
        return outputs


@dataclass(frozen=True, eq=False)
class _SharedMember:
    """A member's module on the meta device, and where its tensors are in the shared network."""

    module: nn.Module
    parts: Mapping[str, TensorPart]


class SharedWeights:
    """Which part of the shared network each member of a space is."""

    def __init__(self, largest: ArchitectureSpec, network: nn.Module, seed: int = 0) -> None:
        """`network` is the largest member with its first weights, on the device of training: these
        decide for good which channels a narrower member keeps.

        Raises NasError for a head that can't be shared.
        """
        if largest.detects or not isinstance(network, Network):
            raise NasError(
                "a detector's members end in maps at three strides, whose neck and head are no "
                "cuts of one another: evaluate them trained",
                key="search.evaluate",
            )
        self.largest = largest
        state = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self._source = SourceNetwork(largest, state)
        self._labels = {step.name: _label(largest, step) for step in largest.steps()}
        device = next(network.parameters()).device
        self.network = SharedNetwork(network, dict(self._heads(state, seed, device)))
        self._members: OrderedDict[str, _SharedMember] = OrderedDict()

    def _heads(
        self, state: Mapping[str, Tensor], seed: int, device: torch.device
    ) -> Iterator[tuple[str, nn.Module]]:
        """A head behind each layer that has weights, but for the last one."""
        steps = [
            step
            for step in self.largest.steps()
            if any(name.startswith(f"{LAYERS}{step.name}.") for name in state)
        ]
        ends = {self._labels[step.name]: step for step in steps}  # the last copy of each
        for layer, step in list(ends.items())[:-1] if self.largest.head != "none" else ():
            ended = replace(self.largest, layers=self.largest.layers[: step.layer + 1])
            network = build_seeded(ended, seed, device)
            assert isinstance(network, Network)
            yield layer, network.head

    def live(self, member: ArchitectureSpec) -> LiveMember:
        """The member in training mode. Raises NasError where it is no cut of the largest one."""
        found = self._member(member)
        return LiveMember(self.network, found.module, found.parts)

    def state(self, member: ArchitectureSpec) -> dict[str, Tensor]:
        """Copies of the member's tensors, by its own names. Raises NasError as `live` does."""
        state = self.network.state_dict()
        parts = self._member(member).parts
        return {name: part.of(state).detach().clone() for name, part in parts.items()}

    def fill(self, member: ArchitectureSpec, network: nn.Module) -> None:
        """Give a network, built of the member, its part of the shared weights, in place."""
        with torch.no_grad():
            network.load_state_dict(self.state(member), strict=False)

    def check(self, space: SpaceSpec) -> None:
        """Raises NasError, with its line, for a layer that some member has otherwise than as a cut
        of the largest one's. Each choice is tried by itself."""
        for what, member in single_choices(space):
            try:
                self._member(member)
            except NasError as error:
                key = next((item.key for item in space.layers if item.name == error.key), None)
                problem = f"{error.problem} ({what}): evaluate the members trained"
                raise space.document.error(key or ("head",), problem) from error

    def _member(self, member: ArchitectureSpec) -> _SharedMember:
        key = architecture_hash(member)
        if key not in self._members:
            with WithoutWeights():
                module = build_network(member).train()
            self._members[key] = _SharedMember(module, self._parts(member, module))
            if len(self._members) > KEPT_MEMBERS:
                self._members.popitem(last=False)
        self._members.move_to_end(key)
        return self._members[key]

    def _parts(self, member: ArchitectureSpec, module: nn.Module) -> dict[str, TensorPart]:
        """Parts of `network`'s state by the names of the member's tensors. Raises NasError."""
        cut = self._source.cut(member, module)
        _refuse_others(member, module, cut)
        parts = {
            name: replace(part, source=f"network.{part.source}") for name, part in cut.parts.items()
        }
        if member.head != "none":
            parts |= dict(self._head_parts(member, cut))
        return parts

    def _head_parts(self, member: ArchitectureSpec, cut: Cut) -> Iterator[tuple[str, TensorPart]]:
        """The columns of the kept channels, of the head behind the member's last layer."""
        if cut.last is None or cut.features is None:
            problem = f"what {member.name} ends in is no part of the largest member's features"
            raise NasError(f"{problem}: evaluate the members trained", key="layers")
        layer = self._labels[cut.last]
        name = _behind(layer)
        before = f"heads.{name}." if name in self.network.heads else "network.head."
        last = next(item for item in self.largest.steps() if item.name == cut.last)
        kept = cut.features if len(cut.features) < last.out_shape[0] else None
        for step in member.head_steps():
            axes = step.config.channel_axes(step.in_shape)
            with torch.device("meta"):
                known = step.config.build(step.in_shape).state_dict()
            if axes is None and known:
                problem = f"a head of {step.config.name} is no cut of a wider one"
                raise NasError(f"{problem}: evaluate the members trained", key="head")
            for tensor, (rows, *columns) in (axes or {}).items():
                yield (
                    f"head.{step.name}.{tensor}",
                    TensorPart(
                        f"{before}{step.name}.{tensor}",
                        kept if rows == "in" else None,
                        kept if columns and columns[0] == "in" else None,
                    ),
                )


def _label(architecture: ArchitectureSpec, step: Step) -> str:
    return architecture.layers[step.layer].label(step.layer)


def _refuse_others(member: ArchitectureSpec, module: nn.Module, cut: Cut) -> None:
    """Raises NasError, whose key is its name, for the first layer that is no cut."""
    for step in member.steps():
        before = f"{LAYERS}{step.name}."
        own = [name for name in module.state_dict() if name.startswith(before)]
        if any(name not in cut.parts and not name.endswith(_COUNTER) for name in own):
            label = _label(member, step)
            problem = f"its weights are no part of those that the largest member has in {label}"
            raise NasError(problem, key=label)

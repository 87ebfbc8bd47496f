"""What the trials of a study say to the sampler."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from optuna.trial import FrozenTrial, TrialState

from nas.search.known_cost.members import Member, Registry
from nas.search.known_cost.pool import complete_params
from nas.search.known_cost.replay import SpaceFunction

NoiseSd = Callable[[FrozenTrial], float]


@dataclass
class History:
    """A study's trials by what they teach."""

    members: list[Member] = field(default_factory=list)
    """Those whose metric was measured."""
    values: list[float] = field(default_factory=list)
    """Their metrics, signed so that they rise."""
    noise_sds: list[float] = field(default_factory=list)
    pending: list[Member] = field(default_factory=list)
    """Those in training."""
    taken: set[Hashable] = field(default_factory=set)
    """Keys that are not to be proposed."""

    @property
    def tried(self) -> list[Member]:
        """Those measured and those in training."""
        return self.members + self.pending


class HistoryReader:
    """Reads trials; one that has ended is looked at once."""

    def __init__(
        self,
        registry: Registry,
        noise_sd: NoiseSd | None,
        retry: Callable[[FrozenTrial], bool] | None,
        metric_index: int,
    ) -> None:
        self._registry = registry
        self._retry = retry
        self._noise_sd = noise_sd
        self._metric_index = metric_index
        self._ended: dict[int, Member | None] = {}

    def read(
        self,
        trials: Sequence[FrozenTrial],
        space: SpaceFunction,
        maximize: bool,
        proposed: Mapping[int, Member],
    ) -> History:
        """The history; `proposed` is what trials were told whose parameters aren't known yet."""
        history = History()
        for trial in trials:
            member = self._member(trial, space) or proposed.get(trial.number)
            if member is None or self._forgotten(trial):
                continue
            history.taken.add(member.key)
            if not member.feasible or refused(trial):
                continue
            if trial.state == TrialState.RUNNING:
                history.pending.append(member)
            elif trial.state == TrialState.COMPLETE:
                self._observe(history, trial, member, maximize)
        return history

    def _forgotten(self, trial: FrozenTrial) -> bool:
        failed = trial.state == TrialState.FAIL
        return failed and self._retry is not None and self._retry(trial)

    def _observe(
        self, history: History, trial: FrozenTrial, member: Member, maximize: bool
    ) -> None:
        value = trial.values[self._metric_index]
        if isfinite(value):
            history.members.append(member)
            history.values.append(value if maximize else -value)
            noise = 0.0 if self._noise_sd is None else self._noise_sd(trial)
            history.noise_sds.append(noise)

    def _member(self, trial: FrozenTrial, space: SpaceFunction) -> Member | None:
        if trial.number in self._ended:
            return self._ended[trial.number]
        fixed = trial.system_attrs.get("fixed_params", {})
        params = fixed if trial.state == TrialState.WAITING else trial.params
        replay = complete_params(space, params) if params else None
        member = None
        if replay is not None:
            member = self._registry.member(replay.params, replay.distributions)
        if trial.state.is_finished():
            self._ended[trial.number] = member
        return member


def refused(trial: FrozenTrial) -> bool:
    """Whether a trial breaks one of its constraints: its metric is no measurement."""
    return any(value > 0 for value in trial.constraints.values())

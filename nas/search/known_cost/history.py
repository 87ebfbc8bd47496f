"""What the trials of a study say to the sampler."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
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
    index: int = 0
    """How many trials before the one that is asked for, but for those that are to come again."""

    @property
    def tried(self) -> list[Member]:
        """Those measured and those in training."""
        return self.members + self.pending

    def only(self, rows: Sequence[int]) -> "History":
        """The same with these of the measured ones alone."""
        return replace(
            self,
            members=[self.members[row] for row in rows],
            values=[self.values[row] for row in rows],
            noise_sds=[self.noise_sds[row] for row in rows],
        )


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
        self._broken: dict[int, bool] = {}
        self._noises: dict[int, float] = {}

    def read(
        self,
        trials: Sequence[FrozenTrial],
        number: int,
        space: SpaceFunction,
        maximize: bool,
        proposed: dict[int, Member],
    ) -> History:
        """The history of all other trials than `number`.

        `proposed` is what trials were told whose parameters aren't known yet; what is no use any
        more is taken out of it.
        """
        history = History()
        for trial in trials:
            if trial.number == number:
                continue
            if trial.state.is_finished():
                proposed.pop(trial.number, None)
            forgotten = self._forgotten(trial)
            history.index += trial.number < number and not forgotten
            member = self._member(trial, space) or self._told(proposed.get(trial.number))
            if member is None or forgotten:
                continue
            history.taken.add(member.key)
            if not member.feasible or self._refused(trial):
                continue
            if trial.state == TrialState.RUNNING:
                history.pending.append(member)
            elif trial.state == TrialState.COMPLETE:
                self._observe(history, trial, member, maximize)
        return history

    def _told(self, member: Member | None) -> Member | None:
        """The member, known to the registry."""
        if member is not None:
            self._registry.take_in(member)
        return member

    def _forgotten(self, trial: FrozenTrial) -> bool:
        failed = trial.state == TrialState.FAIL
        return failed and self._retry is not None and self._retry(trial)

    def _refused(self, trial: FrozenTrial) -> bool:
        if not trial.state.is_finished():
            return refused(trial)
        if trial.number not in self._broken:
            self._broken[trial.number] = refused(trial)
        return self._broken[trial.number]

    def _observe(
        self, history: History, trial: FrozenTrial, member: Member, maximize: bool
    ) -> None:
        value = trial.values[self._metric_index]
        if isfinite(value):
            history.members.append(member)
            history.values.append(value if maximize else -value)
            if trial.number not in self._noises:
                noise = 0.0 if self._noise_sd is None else self._noise_sd(trial)
                self._noises[trial.number] = noise
            history.noise_sds.append(self._noises[trial.number])

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

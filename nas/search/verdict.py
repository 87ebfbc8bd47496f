"""What a search comes to: how well each network is known, and which one is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.runs.certainty import Certainty
from nas.runs.finalists import FinalRecord
from nas.runs.trials import TrialRecord
from nas.search.choice import Choice, choose
from nas.search.estimates import Posterior, estimate_all, pool_seed_noise
from nas.search.finalists import FinalPlan, believed_front
from nas.search.settings import SearchSettings


@dataclass(frozen=True)
class Verdict:
    """The choice, and what it rests on."""

    choice: Choice | None
    """None where no network was trained."""
    certainty: Certainty


def judge(
    records: Sequence[TrialRecord],
    posterior: Posterior,
    finals: Sequence[FinalRecord],
    settings: SearchSettings,
    *,
    metric: str,
) -> Verdict:
    """Choose by what the networks surely reach: among finalists once one has been repeated.

    Before that, and without finalists, among the front by the model's own bounds. `metric` is the
    name of the task's first.
    """
    ended = tuple(item for item in FinalPlan.of(settings).comparable(finals) if _ended(item))
    noise = pool_seed_noise(ended, posterior.noise_sd)
    estimates = estimate_all(records, posterior, ended, noise)
    repeated = {number for number, estimate in estimates.items() if estimate.seeds}
    front = {item.number for item in believed_front(records, posterior)}
    members = [item for item in records if item.number in front | repeated]
    choice = choose(
        members,
        estimates,
        settings.budget,
        settings.score,
        metric=metric,
        among=repeated or None,
    )
    return Verdict(choice, Certainty(estimates, noise, ended))


def _ended(item: FinalRecord) -> bool:
    return item.state != "running"

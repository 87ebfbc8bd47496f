"""Whether a score names what the networks of a space are measured by."""

from nas.errors import NasError
from nas.spec.score import ACCURACY, parse_score
from nas.spec.space import SpaceSpec
from nas.tasks.registry import task_of


def check_score(space: SpaceSpec, score: str | None) -> None:
    """Raises NasError for a score that names a metric that the space's task does not measure.

    With file and line where it is the space's own.
    """
    if score is None:
        return
    task = task_of(space)
    metric = task.first_metric
    known = {metric, ACCURACY} if task.measures_accuracy else {metric}
    others = [name for name in parse_score(score).metrics if name not in known]
    if not others:
        return
    problem = (
        f"{others[0]!r} is not measured by the task {space.task}; its first metric is {metric}, "
        "also called metric"
    )
    if score == space.score:
        raise space.document.error(("score",), problem)
    raise NasError(problem, key="--score")

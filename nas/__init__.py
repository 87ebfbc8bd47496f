"""Find, train and ship compact networks for a person's own data under a budget of multiply-adds.

What the command line does, these functions do:

    import nas

    if __name__ == "__main__":  # a search trains in processes of its own
        space = nas.load_space("shufflenet.yaml")
        settings = nas.SearchSettings.for_space(space, data="./trash")
        search = nas.run_search(space, settings, out="runs/first")
        run = nas.run_training(search.folder / "best.yaml", data="./trash")
        print(nas.evaluate(run.folder).metrics.primary)
        for prediction in nas.predict(run.folder, ["photos/"]):
            print(prediction.file, prediction.values)

A name is imported when it is first used: `import nas` alone loads no other package.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blocks.registry import register_block as register_block
    from nas.errors import NasError as NasError
    from nas.export.latency import measure_latency as measure_latency
    from nas.export.run import export_run as export_run
    from nas.macs.count import count_macs as count_macs
    from nas.macs.ops import register_op as register_op
    from nas.model.build import build_network as build_network
    from nas.plugins import load_plugins as load_plugins
    from nas.search.known_cost.sampler import KnownCostSampler as KnownCostSampler
    from nas.search.objective import Objective as Objective
    from nas.search.objective import register_objective as register_objective
    from nas.search.run import SearchInterrupted as SearchInterrupted
    from nas.search.run import finish_search as finish_search
    from nas.search.run import resume_search as resume_search
    from nas.search.run import run_search as run_search
    from nas.search.settings import SearchSettings as SearchSettings
    from nas.spec.architecture import load_architecture as load_architecture
    from nas.spec.space import load_space as load_space
    from nas.spec.training import TrainingSpec as TrainingSpec
    from nas.tasks.base import Task as Task
    from nas.tasks.registry import register_task as register_task
    from nas.train.api import resume_training as resume_training
    from nas.train.api import run_training as run_training
    from nas.train.evaluation import evaluate as evaluate
    from nas.train.evaluation import predict as predict
    from nas.train.trained import load_mean as load_mean
    from nas.train.trained import load_trained as load_trained
    from nas.train.trained import save_ensemble as save_ensemble

    __version__: str

_HOMES = {
    "KnownCostSampler": "nas.search.known_cost.sampler",
    "NasError": "nas.errors",
    "Objective": "nas.search.objective",
    "SearchInterrupted": "nas.search.run",
    "SearchSettings": "nas.search.settings",
    "Task": "nas.tasks.base",
    "TrainingSpec": "nas.spec.training",
    "build_network": "nas.model.build",
    "count_macs": "nas.macs.count",
    "evaluate": "nas.train.evaluation",
    "export_run": "nas.export.run",
    "finish_search": "nas.search.run",
    "load_architecture": "nas.spec.architecture",
    "load_mean": "nas.train.trained",
    "load_plugins": "nas.plugins",
    "load_space": "nas.spec.space",
    "load_trained": "nas.train.trained",
    "measure_latency": "nas.export.latency",
    "predict": "nas.train.evaluation",
    "register_block": "blocks.registry",
    "register_objective": "nas.search.objective",
    "register_op": "nas.macs.ops",
    "register_task": "nas.tasks.registry",
    "resume_search": "nas.search.run",
    "resume_training": "nas.train.api",
    "run_search": "nas.search.run",
    "run_training": "nas.train.api",
    "save_ensemble": "nas.train.trained",
}

__all__ = [
    "KnownCostSampler",
    "NasError",
    "Objective",
    "SearchInterrupted",
    "SearchSettings",
    "Task",
    "TrainingSpec",
    "__version__",
    "build_network",
    "count_macs",
    "evaluate",
    "export_run",
    "finish_search",
    "load_architecture",
    "load_mean",
    "load_plugins",
    "load_space",
    "load_trained",
    "measure_latency",
    "predict",
    "register_block",
    "register_objective",
    "register_op",
    "register_task",
    "resume_search",
    "resume_training",
    "run_search",
    "run_training",
    "save_ensemble",
]


def __getattr__(name: str) -> Any:
    # Late, so that `nas --help` answers without importing torch.
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found  # the next use needs no look-up
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Of the installed package; `unknown` for a source tree that was never installed."""
    try:
        return version("compact-nas")
    except PackageNotFoundError:
        return "unknown"

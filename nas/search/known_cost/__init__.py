"""Optuna's sampling for a cost that is known of every candidate and a metric that is measured."""

from nas.search.known_cost.metric_model import MetricModel, posterior_of
from nas.search.known_cost.sampler import KnownCostSampler

__all__ = ["KnownCostSampler", "MetricModel", "posterior_of"]

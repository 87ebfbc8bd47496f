"""Baselines: big pipelines for comparison, on the same data, splits and metrics."""

"""Metrics on plain arrays, and their intervals."""

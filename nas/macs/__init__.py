"""Multiply-adds of a network: our count, others' conventions, and why they differ."""

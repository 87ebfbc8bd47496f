"""Synthetic data: the built-in sets of sounds and X-rays."""

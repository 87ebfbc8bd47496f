"""Data that are computed: the built-in sets of sounds and X-rays."""

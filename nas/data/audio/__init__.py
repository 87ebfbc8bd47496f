"""Recordings with labelled stretches of time: from tables and files to spectrograms."""

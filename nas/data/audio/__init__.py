"""Recordings with labelled events: from tables and files to spectrograms."""

"""The command `nas`."""

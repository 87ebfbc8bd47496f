"""Who runs the workers of a search: processes of this machine."""

"""Who runs the workers of a search: by default processes of this machine."""

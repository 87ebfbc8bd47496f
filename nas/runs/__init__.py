"""A run's folder: its name, its locks, the table of its trials, what its figures depend on."""

"""The search: candidates, workers, journal, choice. The only importer of Optuna."""

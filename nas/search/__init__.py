"""The search: study, objective, choice. The only importer of Optuna."""

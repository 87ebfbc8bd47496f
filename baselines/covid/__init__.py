"""Chest X-rays with big networks: the diary of a participant of Kaggle's SIIM-FISABIO-RSNA."""

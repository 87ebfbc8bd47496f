"""Baselines for chest X-rays, after the diary of a participant of Kaggle's SIIM-FISABIO-RSNA."""

"""Two searches on the same machine for the same time: runs, timelines, fronts, retraining."""

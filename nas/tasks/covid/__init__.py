"""Chest X-rays: the appearance of a study, and where its images have opacities."""

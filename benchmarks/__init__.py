"""Programs that print the figures that docs/measured.md quotes."""

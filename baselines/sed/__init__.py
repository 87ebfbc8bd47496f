"""Sound event detection with big backbones: the pipeline for the rainforest recordings (RFCX)."""

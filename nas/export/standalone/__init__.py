"""Programs that stand beside exported files: one each for pictures and sounds, without `nas`."""

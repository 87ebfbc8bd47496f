"""From files to arrays of uint8 pixels, splits, samplers and batch augmentation."""

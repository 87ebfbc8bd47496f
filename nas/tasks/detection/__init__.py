"""Detection of any classes of objects: where they are in pictures."""

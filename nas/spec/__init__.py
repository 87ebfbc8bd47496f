"""YAML to typed objects and back: architecture, search space, training, preprocessing."""

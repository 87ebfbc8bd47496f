"""Data, head, loss and metrics of one problem."""

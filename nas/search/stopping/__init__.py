"""Early stopping where the cost of a network is known before it is trained."""

"""Early stopping judged on recorded learning curves of real networks."""

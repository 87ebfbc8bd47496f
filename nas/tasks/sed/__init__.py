"""Sound event detection: which classes sound in a recording, and when."""

"""How many trainings samplers need: problems with a known front, methods, simulated studies."""

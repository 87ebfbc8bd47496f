"""Synthetic spaces, each a seeded closed form."""

"""Devices that networks are made for."""

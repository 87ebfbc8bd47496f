"""Tests of the programs that print figures."""

"""Sensors: they read what is there, have a pure function evaluate it, and ask for runs."""

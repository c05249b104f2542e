"""Sensors: they read what is there, have a pure function decide, and ask for runs."""

"""Closing: days, months and models by the clock."""

"""Waking sensors."""

"""Explain: what became of every record of one key, and why."""

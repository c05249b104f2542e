"""Runs: the processes that carry them out, and what became of each."""

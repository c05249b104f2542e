"""Merging: good records become the state and the history of their keys, whatever order they come in."""

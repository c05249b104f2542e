"""Answers about exports: which are there, refused, held or settled, and whose they are."""

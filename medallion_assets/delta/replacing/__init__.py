"""Replacing what a table holds: whole partitions, or the rows that were made again."""

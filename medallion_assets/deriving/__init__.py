"""Deriving: tables that are made from tables, by whole partitions."""

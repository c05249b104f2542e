"""Snapshots as DuckDB reads them."""

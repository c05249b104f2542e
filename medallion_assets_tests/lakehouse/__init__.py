"""Tests of lakehouse/: Delta tables, without Dagster."""

"""Tests of dbt models: most build a star, which takes seconds."""

"""Engines: Polars in small bounds, and one that cuts where it likes."""

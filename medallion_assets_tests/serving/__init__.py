"""Tests of medallion_assets/serving."""

"""Tests mirror the rooms of medallion_assets."""

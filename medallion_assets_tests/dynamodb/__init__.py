"""Tests of medallion_assets/dynamodb."""

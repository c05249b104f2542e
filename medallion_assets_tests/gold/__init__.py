"""Tests of gold/: what the business asks."""

"""Tests of files as batches."""

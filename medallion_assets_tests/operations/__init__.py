"""Tests of operations: explain, verify, quarantine."""

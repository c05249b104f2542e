"""Tests of runs that are forked."""

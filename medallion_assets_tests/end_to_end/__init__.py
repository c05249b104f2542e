"""Tests of end_to_end: the commands that people type, in processes of their own."""

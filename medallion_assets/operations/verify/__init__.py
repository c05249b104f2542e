"""Verify: the whole lakehouse, from the bytes of its logs to what its tables promise each other."""

"""Compute: thin clients of services that run a process for us. They know a job and its state, and no table."""

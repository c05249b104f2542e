"""The files that are deployed."""

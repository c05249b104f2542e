"""The demo: the whole pipeline on sample tables, on this machine."""

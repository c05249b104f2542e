"""The work of each stage, from opening its tables to its checks, reported as plain values."""

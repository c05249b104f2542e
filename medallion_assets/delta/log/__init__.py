"""The log of a table, read as bytes and commit by commit: its chain, and what follows from it."""

"""Assets and their checks, made from what the tables are."""

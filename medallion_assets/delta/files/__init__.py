"""Files of a table, before and beside its log: written, described and named."""

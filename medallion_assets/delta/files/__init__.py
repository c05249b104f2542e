"""Files of a table, before and beside its log: staged, described and named."""

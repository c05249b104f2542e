"""Gold: what the business asks; one file a table."""

"""Questions in SQL about the tables of a lakehouse."""

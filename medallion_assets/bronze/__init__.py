"""Bronze: raw records, exactly as exported; one file a table."""

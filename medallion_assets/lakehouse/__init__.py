"""Delta tables, without Dagster: contracts, decoding, judging, exactly-once commits, state and history of keys."""

"""Delta tables: opening, reading and the one way to commit; the only room that knows delta-rs."""

"""The Spark engine, on a session of this machine."""

"""Real services for tests, each started by itself on a free port of the loopback and ended by its own process."""

"""Faults: the storage fails, the process dies, another run comes between; the tables stay right."""

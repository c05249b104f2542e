"""Refining: batches become raw lines, judged rows, and the state and history of keys, exactly once."""

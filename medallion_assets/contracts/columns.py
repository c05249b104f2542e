"""Columns: the names of those that the project adds to tables of any source, each spelled here alone.

Belongs here: names that are stored, or that records carry on their way to a table, and that several rooms speak of.
Does not: what is in them (contracts.table, refining), or a column that one module alone knows.
"""

from __future__ import annotations

BATCH_ID = "_export_id"
"""The batch that brought a line, or that decided a row."""
SEQUENCE = "_sequence_micros"
"""When a state was written (rule R1)."""
IS_DELETED = "is_deleted"
"""Of a row: its key was deleted."""
IS_DELETE = "_is_delete"
"""Of a record: it deletes its key."""
REASONS = "_reasons"
"""Of a record: why it is bad; empty where it is good."""
REDRIVEN_AT = "redriven_at"
"""Of a row in quarantine: when it became good."""
LOWEST_BATCH_ID, HIGHEST_BATCH_ID = f"min.{BATCH_ID}", f"max.{BATCH_ID}"
"""Of a data file: the batches that its rows are of, as the figures of a table's files name them."""

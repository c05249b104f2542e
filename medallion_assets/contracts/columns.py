"""Columns: the names of those that the project adds to tables of any source, each spelled here alone.

Belongs here: names that are stored, or that records carry on their way to a table, and that several rooms speak of.
Does not: what is in them (contracts, refining), or a column that one module alone knows. The code of a pipeline spells
them itself, beside the columns of its own: its author reads both in the tables.
"""

from __future__ import annotations

RAW = "raw"
"""Of a line: its text, unchanged."""
BATCH_ID = "_export_id"
"""The batch that brought a line, or that decided a row."""
EXPORT_TYPE = "_export_type"
"""Of a line: the kind of its batch."""
EXPORT_FROM_AT, EXPORT_TO_AT = "_export_from_at", "_export_to_at"
"""Of a line: what its batch covers."""
EXPORT_DATE = "_export_date"
"""Of a line: the UTC day of its batch's start, which Bronze is partitioned by."""
SOURCE_FILE = "_source_file"
"""Of a line: the file that it came in."""
LINE_NUMBER = "_line_number"
"""Of a line: its place in that file, from 1."""

SEQUENCE = "_sequence_micros"
"""When a state was written (rule R1)."""
IS_DELETED = "is_deleted"
"""Of a row: its key was deleted."""
VALID_FROM, VALID_TO = "valid_from", "valid_to"
"""Of a version: from when it held, and until when; null while it does."""
IS_CURRENT = "is_current"
"""Of a version: it is the last one of a key that is not deleted."""
REDRIVEN_AT = "redriven_at"
"""Of a row in quarantine: when it became good."""

VERDICT = "_verdict"
"""Of a record: why the whole of it is bad, or null."""
SEQUENCE_TEXT = "_sequence"
"""Of a change: when it was written, as its text says."""
UNKNOWN_ATTRIBUTES = "_unknown_attributes"
"""Of a record: the names in it that the contract lacks."""
IS_DELETE = "_is_delete"
"""Of a record: it deletes its key."""
IS_INCREMENTAL = "_is_incremental"
"""Of a record: it came with an incremental batch, not with a full one."""
REASONS, REASON_COLUMNS = "_reasons", "_reason_columns"
"""Of a record: why it is bad, and the column of each reason; empty where it is good."""
WARNINGS, FAILURES = "_warnings", "_failures"
"""Of a record: the expectations that it does not meet: those that only warn, and those that fail its batch."""

LOWEST_BATCH_ID, HIGHEST_BATCH_ID = f"min.{BATCH_ID}", f"max.{BATCH_ID}"
"""Of a data file: the batches that its rows are of, as the figures of a table's files name them."""

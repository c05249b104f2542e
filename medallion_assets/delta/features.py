"""Table features: what a table's protocol asks of those who read and write it, and whether this project does it.

Belongs here: which features are in use, which of these are in the way, and what a person does about one.
Does not: whether the columns fit the contract.

Other engines switch features on with one statement. delta-rs refuses some when it commits, when all work is done, and
others never: it opens a table with deletion vectors, whose files, read by name as this project reads them, still hold
the rows that were deleted. So what is not known here is refused at opening, as Delta's protocol asks of its clients.
A feature that a table may use and does not (its protocol allows it, no property or column asks for it) is in no way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deltalake import DeltaTable

from medallion_assets.contracts.table import Table
from medallion_assets.errors import TableFeatureError

DELETION_VECTORS, MAPPING_MODE, CONSTRAINT = "deletionVectors", "delta.columnMapping.mode", "delta.constraints."
OF_PROPERTIES = {
    DELETION_VECTORS: "delta.enableDeletionVectors",
    "appendOnly": "delta.appendOnly",
    "changeDataFeed": "delta.enableChangeDataFeed",
}
"""Features that are in use where a property of the table is true."""
OF_COLUMNS = {"invariants": "delta.invariants", "generatedColumns": "delta.generationExpression"}
"""Features that are in use where a column has such metadata."""
OF_VERSIONS = {6: ("identityColumns",)}
"""Features that a protocol without names has, and that delta-rs commits to no table with, used or not."""
HONOURED_BY_APPENDS = {"appendOnly", "changeDataFeed"}
READ_AS_IT_IS = {"timestampNtz", "vacuumProtocolCheck"}
"""Features that ask nothing of this project's readers."""
READ_IF_UNUSED = {DELETION_VECTORS, "columnMapping"}
WRITTEN_AS_IT_IS = {"timestampNtz"}
"""Features that ask nothing of its commits."""
WRITTEN_IF_UNUSED = {*READ_IF_UNUSED, *OF_PROPERTIES, *OF_COLUMNS, "checkConstraints"}
STAYS = re.compile(r"catalog|checkpointProtection|iceberg|identity|redirect|coordinated")
"""Features that a table is not rid of by a statement, or not without its history, which here is the ledger."""
LAST = "domainMetadata"
"""Others need it while they are there."""
CANNOT_BE_OPENED = {
    re.compile(r"Feature '([^']+)' is not supported"): r"\1",
    re.compile(r"Max catalog version"): "catalogManaged",
    re.compile(r"Invalid protocol action"): "a protocol later than (3, 7)",
}
"""Features that delta-rs opens no table with, by its words."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature that this project does not keep to.

    `without` is the SQL that switches it off, with `{table}` for the table, or None where no statement can.
    `allows_appends`: commits that only add files keep to it all the same.
    """

    name: str
    without: str | None = None
    allows_appends: bool = False


def expect_features_read(delta: DeltaTable, table: Table, uri: str) -> None:
    """Refuse a table whose files hold other rows, or other columns, than the table has.

    Raises:
        TableFeatureError: with the features that it uses.
    """
    if found := list(_in_the_way_of_readers(delta)):
        raise _error(table, uri, "read", found)


def expect_features_written(delta: DeltaTable, table: Table, uri: str) -> None:
    """Refuse a table that a commit of this project would leave in another state than its protocol promises.

    Raises:
        TableFeatureError: with the features that it uses.
    """
    by_name = {feature.name: feature for feature in (*_in_the_way_of_writers(delta), *_in_the_way_of_readers(delta))}
    found = list(by_name.values())
    if table.is_appended:  # loads add files only; delta-rs refuses a rebuild that removes some
        found = [feature for feature in found if not feature.allows_appends]
    if found:
        raise _error(table, uri, "written", found)


def cannot_be_opened(table: Table, uri: str, error: Exception) -> TableFeatureError | None:
    """The error for a table that delta-rs does not open for its protocol; None for any other reason."""
    found = ((words.search(str(error)), name) for words, name in CANNOT_BE_OPENED.items())
    names = [match.expand(name) for match, name in found if match is not None]
    return _error(table, uri, "read", list(map(Feature, names))) if names else None


def _in_the_way_of_readers(delta: DeltaTable) -> Iterator[Feature]:
    properties, allowed = delta.metadata().configuration, set(delta.protocol().reader_features or ())
    for name in sorted(allowed - READ_AS_IT_IS - READ_IF_UNUSED):
        yield Feature(name)  # dropping it would leave checkpointProtection, which stays
    if properties.get(MAPPING_MODE, "none") != "none":
        yield Feature("columnMapping", _set(MAPPING_MODE, "none"))
    if DELETION_VECTORS in allowed and any(batch.num_rows for batch in delta.deletion_vectors()):
        without = f"{_set(OF_PROPERTIES[DELETION_VECTORS], 'false')}; REORG TABLE {{table}} APPLY (PURGE)"
        yield Feature(DELETION_VECTORS, without)


def _in_the_way_of_writers(delta: DeltaTable) -> Iterator[Feature]:
    """Of those that are in no way of readers."""
    protocol, properties = delta.protocol(), delta.metadata().configuration
    of_readers = set(protocol.reader_features or ()) - READ_AS_IT_IS
    allowed = set(protocol.writer_features or ()) | set(OF_VERSIONS.get(protocol.min_writer_version, ()))
    unknown = allowed - of_readers - WRITTEN_AS_IT_IS - WRITTEN_IF_UNUSED
    for name in sorted(unknown, key=lambda name: (name == LAST, name)):
        yield Feature(name, _dropped(name))
    for name, key in OF_PROPERTIES.items():
        if properties.get(key, "").lower() == "true":
            yield Feature(name, _set(key, "false"), allows_appends=name in HONOURED_BY_APPENDS)
    for key in sorted(properties):
        if key.startswith(CONSTRAINT):
            name = key.removeprefix(CONSTRAINT)
            yield Feature(f"checkConstraints ({name})", f"ALTER TABLE {{table}} DROP CONSTRAINT {name}")
    for field in delta.schema().fields:
        for name, key in OF_COLUMNS.items():
            if key in field.metadata:
                yield Feature(f"{name} (column {field.name})")
        if not field.nullable:
            yield Feature(
                f"a column that is not null ({field.name})",
                f"ALTER TABLE {{table}} ALTER COLUMN {field.name} DROP NOT NULL",
            )


def _set(key: str, value: str) -> str:
    return f"ALTER TABLE {{table}} SET TBLPROPERTIES ('{key}' = '{value}')"


def _dropped(name: str) -> str | None:
    return None if STAYS.search(name) else f"ALTER TABLE {{table}} DROP FEATURE {name}"


def _error(table: Table, uri: str, verb: str, found: Sequence[Feature]) -> TableFeatureError:
    statements = [feature.without.replace("{table}", f"delta.`{uri}`") for feature in found if feature.without]
    by_sql = f"remove it with the engine that switched it on ({'; '.join(statements)}); or, " if statements else ""
    names = ", ".join(feature.name for feature in found)
    return TableFeatureError(
        f"{table.name} has Delta features with which it cannot be {verb}",
        expected=f"a table at {uri} without {names}",
        found=names,
        do=f"{by_sql}move its folder out of the lakehouse, and restore it from a backup or let its stage create it "
        f"again",
    )

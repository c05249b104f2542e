"""Tables that this project cannot read or write for their features, for whoever looks at a whole lakehouse.

Belongs here: finding them, and going on without them.
Does not: which features these are (delta.features).
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.table import Table
from medallion_assets.delta.features import expect_features_written
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError, TableFeatureError
from medallion_assets.operations.tables import every_table


def refused_tables(lakehouse: Lakehouse) -> Iterator[TableFeatureError]:
    """What is said of each such table.

    Raises:
        TransientError: the storage did not answer.
    """
    yield from filter(None, (refusal(lakehouse, table) for table in every_table(lakehouse.catalog)))


def refusal(lakehouse: Lakehouse, table: Table) -> TableFeatureError | None:
    """What a stage that writes the table would be refused with; None: it would not, or nothing lies there."""
    try:
        if (snapshot := lakehouse.find(table)) is not None:
            expect_features_written(snapshot.delta, table, snapshot.uri)
    except TableFeatureError as error:
        return error
    except PermanentError:  # it cannot be opened for another reason, which is not asked here
        return None
    return None


def find_readable(lakehouse: Lakehouse, table: Table) -> Snapshot | None:
    """As `Lakehouse.find`; None as well for a table that cannot be read for its features."""
    try:
        return lakehouse.find(table)
    except TableFeatureError:
        return None

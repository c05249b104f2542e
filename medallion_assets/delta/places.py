"""The places of tables: whether one lies there, loading it as delta-rs does, and making it.

Belongs here: what else may lie in the place of a table, as errors that say so.
Does not: what is done with a table that was loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from medallion_assets.contracts.table import Table
from medallion_assets.delta.features import cannot_be_opened, expect_features_read
from medallion_assets.delta.files.data_files import file_in_the_way, file_without_log
from medallion_assets.delta.storage_errors import not_a_table, storage_errors
from medallion_assets.delta.store import TableStore
from medallion_assets.errors import MissingTableError
from medallion_assets.storage.credentials import expect_credentials, for_delta


def is_table(table: Table, uri: str, options: Mapping[str, str]) -> bool:
    """Whether the table has been made.

    Raises:
        UnreadableTableError, PermanentError, TransientError: see `storage_errors`.
    """
    expect_credentials(table.name, uri, options)
    with storage_errors(table.name, uri):
        return DeltaTable.is_deltatable(uri, storage_options=for_delta(uri, options))


def load_table(
    table: Table, uri: str, version: int | None, options: Mapping[str, str], store: TableStore
) -> DeltaTable:
    """The table at a version; at the latest for None.

    Raises:
        MissingTableError: nothing lies in its place.
        TableFeatureError: it uses features that cannot be read.
        UnreadableTableError, PermanentError, TransientError: see `storage_errors`.
    """
    expect_credentials(table.name, uri, options)
    with storage_errors(table.name, uri):
        try:
            delta = store.open(uri, options, version)
            expect_features_read(delta, table, uri)
        except TableNotFoundError as error:
            if file := file_in_the_way(uri):
                raise not_a_table(table.name, uri, f"the file {file}") from error
            if stranger := file_without_log(uri, options):
                raise not_a_table(table.name, uri, f"files without a _delta_log, such as {stranger}") from error
            raise MissingTableError(
                f"{table.name} does not exist yet",
                expected=f"a Delta table at {uri}",
                found="nothing",
                do=f"run {table.path} first; or set MEDALLION_LAKEHOUSE_URL to the place of the tables",
            ) from error
        except DeltaError as error:
            if (refused := cannot_be_opened(table, uri, error)) is not None:
                raise refused from error
            raise
        return delta


def make_table(table: Table, uri: str, options: Mapping[str, str], store: TableStore) -> DeltaTable:
    """Make the table, empty, unless it is there or another writer makes it now; give it as it lies there then.

    A log is written before any file. Who comes second must not try again: delta-rs would commit a second making behind
    the first, which gives the table another id.

    Raises:
        UnreadableTableError, PermanentError, TransientError: see `storage_errors`.
    """
    with storage_errors(table.name, uri):
        if (stranger := file_without_log(uri, options)) and not is_table(table, uri, options):
            raise not_a_table(table.name, uri, f"files without a _delta_log, such as {stranger}")
        try:
            return store.create(table, uri, options)
        except (DeltaError, OSError):
            if not is_table(table, uri, options):
                raise
    return load_table(table, uri, None, options, store)

"""Committing: files that were written become the next version of a table, exactly once or not at all.

Belongs here: the one way to commit, and what became of a commit whose answer was lost.
Does not: opening tables, writing files, or what a commit says of itself.

A commit is made on the snapshot that its content was computed from and never rebased: it lands as that snapshot's next
version or not at all. A lost answer is found again by the commit's own id.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from medallion_assets.contracts.table import Table
from medallion_assets.delta.features import cannot_be_opened, expect_features_written
from medallion_assets.delta.files.data_files import WrittenFile, add_action, remove_action, store_of
from medallion_assets.delta.log.chain import chain_notes, write_last_commit
from medallion_assets.delta.schema import delta_schema
from medallion_assets.delta.storage_errors import commit_failed
from medallion_assets.delta.store import TableStore
from medallion_assets.errors import CommitConflictError, TransientError

COMMIT_ID = "medallion_commit_id"
VERSION = "medallion_version"
"""The commit note that says which version it made: see `commit_notes.commits_since`."""


def commit_version(
    delta: DeltaTable,
    table: Table,
    uri: str,
    storage_options: Mapping[str, str],
    store: TableStore,
    *,
    add: Iterable[WrittenFile],
    remove: Iterable[Mapping[str, Any]],
    transactions: Mapping[str, int],
    notes: Mapping[str, str],
    new_schema: bool,
) -> int:
    """Have `store` commit on `delta`, the table at `uri`, as it was opened; give the version that this makes.

    `remove` are rows of `Snapshot.files`, `transactions` application ids with their versions, `notes` go into the
    commit. With `new_schema` the table takes its contract's columns, and the added files are all that it then holds.

    Raises:
        CommitConflictError: the table has moved on since it was opened; read again and decide again.
        TransientError: the storage failed, or its disk is full, and the commit is certainly not in.
        PermanentError: the storage refuses, such as a read-only disk.
        TableFeatureError: the table cannot be written as its protocol asks.
    """
    expect_features_written(delta, table, uri)
    commit_id, base = uuid.uuid4().hex, delta.version()
    now_millis = time.time_ns() // 1_000_000
    actions: list[AddAction | RemoveAction] = [add_action(written, table, now_millis=now_millis) for written in add]
    actions += [remove_action(row, table, now_millis=now_millis) for row in remove]
    app_transactions = [Transaction(app_id, version) for app_id, version in transactions.items()]
    partition_by = [table.partition_by] if table.partition_by else None
    objects = store_of(uri, storage_options)
    try:
        said = {**notes, COMMIT_ID: commit_id, VERSION: str(base + 1), **chain_notes(objects, base)}
        properties = CommitProperties(custom_metadata=said, max_commit_retries=0, app_transactions=app_transactions)
        store.commit(
            delta,
            actions,
            mode="overwrite" if new_schema else "append",
            schema=delta_schema(table) if new_schema else delta.schema(),
            partition_by=partition_by,
            properties=properties,
        )
    except (DeltaError, OSError) as error:
        _expect_commit(commit_id, base, table, partial(store.open, uri, storage_options), uri, error)
    write_last_commit(objects, base + 1)
    return base + 1


def _expect_commit(
    commit_id: str, base: int, table: Table, opened: Callable[[], DeltaTable], uri: str, error: Exception
) -> None:
    """After a failure: raise, unless our commit is in after all (a lost answer)."""
    try:
        latest = opened()
        newer = latest.version() - base
        commits = latest.history(newer) if newer > 0 else []
    except (DeltaError, OSError) as again:
        if (refused := cannot_be_opened(table, uri, again)) is not None:
            raise refused from error
        raise TransientError("a commit failed and the log cannot be read", where=table.name, found=again) from error
    if any(commit.get(COMMIT_ID) == commit_id for commit in commits):
        return
    if newer > 0:
        raise CommitConflictError(
            "another writer committed first",
            where=table.name,
            expected=f"version {base} to be the latest",
            found=f"version {latest.version()}",
            do="nothing: the stage reads again and retries",
        ) from error
    raise commit_failed(table.name, uri, error) from error

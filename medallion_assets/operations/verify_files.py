"""Live data files: present, of the size and with the rows that the log says, and readable to the last byte.

Belongs here: one file at a time.
Does not: the log (operations.verify_log), or what the rows say (operations.verify_bronze, verify_silver).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.dynamodb.storage import open_store, stat
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.operations.findings import Finding, rebuild


def verify_files(snapshot: Snapshot, *, progress: Callable[[], None]) -> list[Finding]:
    """Read every live data file of a table; `progress` is told after each.

    Every column of every row is decoded, so a file that broke off or was changed is found, unless the change makes
    another valid file: Parquet as written here has no checksums (`medallion verify --deep` finds it in Silver).
    """
    if not snapshot.files.height:
        return []
    store = open_store(snapshot.uri)
    findings = []
    for row in snapshot.files.sort("path").iter_rows(named=True):
        finding = _look(snapshot, store, row)
        if finding is not None:
            findings.append(finding)
        progress()
    return findings


def _look(snapshot: Snapshot, store: ObjectStore, row: dict[str, Any]) -> Finding | None:
    path, size, records = row["path"], row["size_bytes"], row["num_records"]
    meta = stat(store, path)
    if meta is None:
        return _finding(snapshot, "file_is_present", path, f"{records} rows in {size} bytes", "no such file")
    if meta["size"] != size:
        return _finding(snapshot, "file_has_its_size", path, f"{size} bytes", f"{meta['size']} bytes")
    try:
        # A hash of every value is the cheapest way to have each of them decoded, without holding the file in memory.
        hashes = pl.all().hash().sum().name.prefix("hash of ")
        found = _rows(snapshot, path).select(hashes, pl.len().alias("rows")).collect(engine="streaming")["rows"].item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        return _finding(snapshot, "file_is_readable", path, f"{records} rows", words)
    if found != records:
        return _finding(snapshot, "file_has_its_rows", path, f"{records} rows, as the log says", f"{found} rows")
    return None


def _rows(snapshot: Snapshot, path: str) -> pl.LazyFrame:
    """The file's rows in the contract's types; of a table without a contract in their own."""
    if snapshot.table.columns:
        return snapshot.scan(paths=[path])
    options = dict(snapshot.lakehouse.storage_options) or None
    return pl.scan_parquet(f"{snapshot.uri}/{path}", glob=False, hive_partitioning=False, storage_options=options)


def _finding(snapshot: Snapshot, check: str, path: str, expected: str, found: str) -> Finding:
    name = snapshot.table.name
    do = f"take the file from a backup; else {rebuild(name)}"
    return Finding(table=name, check=check, file=path, expected=expected, found=found, do=do)

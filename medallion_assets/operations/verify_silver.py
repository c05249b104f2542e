"""Silver: what it has settled against Bronze, its keys, quarantine, and the table that is made from it.

Belongs here: what rules C5, C6, K1 to K4 and H2 promise of tables as a whole, without judging a record again.
Does not: recomputing Silver (operations.recomputation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from medallion_assets.lakehouse.delta import Snapshot, commit_note, commits_since
from medallion_assets.lakehouse.integrity import leaked_tombstones, repeated_keys
from medallion_assets.lakehouse.raw_exports import loaded_ids
from medallion_assets.lakehouse.records import POSITION
from medallion_assets.lakehouse.refine import EXPORTS_NOTE
from medallion_assets.operations.findings import AGAIN_FROM_BRONZE, AGAIN_FROM_SILVER, FROM_BACKUP, Finding

LOAD_BRONZE = "run the Bronze asset, which loads what is missing from where it lies; then look again"


def verify_silver(silver: Snapshot, bronze: Snapshot | None) -> Iterator[Finding]:
    """A judged table against its Bronze table (None: not made)."""
    name = silver.table.name
    bronze_name = f"bronze.{silver.table.short_name}"
    version = -1 if bronze is None else bronze.version
    checkpoint = silver.transaction(bronze_name)
    if checkpoint is not None and checkpoint > version:
        yield Finding(
            table=name,
            check="checkpoint_is_in_bronze",
            expected=f"a checkpoint of at most {version}, the version of {bronze_name}",
            found=f"{checkpoint}",
            do=f"{bronze_name} was replaced or lost commits: {AGAIN_FROM_BRONZE}",
        )
    commits = _history(silver)
    settled = {export_id for commit in commits for export_id in commit_note(commit, EXPORTS_NOTE) or []}
    if lost := sorted(settled - (loaded_ids(bronze) if bronze else set())):
        yield Finding(
            table=name,
            check="settled_exports_are_in_bronze",
            expected="every export that was applied in Bronze",
            found=f"{len(lost)} that are not: {_some(lost)}",
            do=LOAD_BRONZE,
        )
    kept = {export_id for commit in _effective(commits) for export_id in commit_note(commit, EXPORTS_NOTE) or []}
    if lost := sorted(settled - kept):
        yield Finding(
            table=name,
            check="settled_exports_are_in_the_data",
            expected="the rows of every export that counts as settled",
            found=f"the table was rolled back behind {len(lost)} of them: {_some(lost)}",
            do=AGAIN_FROM_BRONZE,
        )
    yield from _unique(silver, AGAIN_FROM_BRONZE)


def verify_quarantine(quarantine: Snapshot, bronze: Snapshot | None) -> Iterator[Finding]:
    """Each row once (rule C6), and of an export that Bronze holds."""
    places = quarantine.scan().select(pl.struct(POSITION).hash().alias("place")).collect(engine="streaming")["place"]
    if repeated := places.len() - places.n_unique():
        yield Finding(
            table=quarantine.table.name,
            check="rows_are_there_once",
            expected="one row for each (export, file, line)",
            found=f"{repeated} more",
            do=FROM_BACKUP,
        )
    exports = quarantine.scan().select(pl.col("_export_id").unique()).collect(engine="streaming")["_export_id"]
    if lost := sorted(set(exports) - (loaded_ids(bronze) if bronze else set())):
        yield Finding(
            table=quarantine.table.name,
            check="exports_are_in_bronze",
            expected="rows of exports that Bronze holds",
            found=f"rows of {_some(lost)}",
            do=LOAD_BRONZE,
        )


def verify_enriched(enriched: Snapshot, transactions: Snapshot) -> Iterator[Finding]:
    """A table made from live transactions, when it says that it has taken all of them."""
    name = enriched.table.name
    if not is_behind(enriched, transactions):
        deleted = transactions.partition_files([None])["num_records"].sum() if transactions.files.height else 0
        live = transactions.row_count - int(deleted)
        if enriched.row_count != live:
            yield Finding(
                table=name,
                check="rows_are_the_live_ones",
                expected=f"{live} rows, the live ones of {transactions.table.name}",
                found=f"{enriched.row_count} rows",
                do=AGAIN_FROM_SILVER,
            )
        if leaked := leaked_tombstones(transactions, enriched):
            yield Finding(
                table=name,
                check="no_tombstone_leaks",
                expected="no row of a deleted key",
                found=f"{leaked}",
                do=AGAIN_FROM_SILVER,
            )
    yield from _unique(enriched, AGAIN_FROM_SILVER)


def is_behind(enriched: Snapshot, source: Snapshot) -> bool:
    """Whether the source has versions that the table made from it has not taken yet."""
    return enriched.transaction(source.table.name) != source.version


def _unique(snapshot: Snapshot, do: str) -> Iterator[Finding]:
    if repeated := repeated_keys(snapshot):
        yield Finding(
            table=snapshot.table.name,
            check="unique_live_key",
            expected=f"one live row for each {', '.join(snapshot.table.key)}",
            found=f"{repeated} keys with more",
            do=do,
        )


def _history(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Every commit of the table, the first one first."""
    return [*reversed(commits_since(snapshot, -1))]


def _effective(commits: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The commits that the rows come from: a restore takes those after the version it went back to out again."""
    if all(commit.get("operation") != "RESTORE" for commit in commits):
        return commits
    after: dict[int, list[Mapping[str, Any]]] = {}
    effective: list[Mapping[str, Any]] = []
    for commit in commits:
        if commit.get("operation") == "RESTORE":
            target = (commit.get("operationParameters") or {}).get("version")
            effective = after.get(int(target), []) if target is not None else []
        else:
            effective = [*effective, commit]
        after[int(commit["version"])] = effective
    return effective


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")

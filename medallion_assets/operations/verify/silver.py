"""Silver: what it has settled against Bronze, its keys, quarantine, and the table that is made from it.

Belongs here: what rules C5, C6, K1 to K4 and H2 promise of tables as a whole, without judging a record again.
Does not: recomputing Silver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.notes.commit_notes import commit_note, commits_since, last_commit
from medallion_assets.delta.notes.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.notes.source_versions import SOURCE_ID_NOTE, SOURCE_NOTE, marked_version, taken_version
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors.long_texts import listed
from medallion_assets.operations.verify.findings import Finding, rebuild, rebuild_computed
from medallion_assets.refining.bronze import bronze_table, loaded_ids, rebuilt_exports
from medallion_assets.refining.integrity import leaked_tombstones, repeated_keys
from medallion_assets.refining.judging.events import POSITION
from medallion_assets.refining.ledger.ledger import EXPORTS_NOTE
from medallion_assets.refining.versions import superseded_batches

LOAD_BRONZE = "run the Bronze asset, which loads what is missing; then verify again"


def verify_silver(loaded: Loaded, silver: Snapshot, bronze: Snapshot | None, *, rows: bool) -> Iterator[Finding]:
    """A judged table against its Bronze table (None: not made); with `rows` its keys as well."""
    name = silver.table.name
    before = bronze_table(silver.table.short_name)
    version = -1 if bronze is None else bronze.version
    checkpoint = None if bronze is None else marked_version(silver, bronze)
    if checkpoint is not None and checkpoint > version:
        yield Finding(
            table=name,
            check="checkpoint_is_in_bronze",
            expected=f"a checkpoint of at most {version}, the version of {before.name}",
            found=f"{checkpoint}",
            do=f"{before.name} lost commits: {rebuild(before)}; then {rebuild(silver.table)}",
        )
    commits = _since_rebuild(_history(silver))
    settled = {batch_id for commit in commits for batch_id in commit_note(commit, EXPORTS_NOTE) or []}
    if lost := sorted(settled - _known_to(bronze)):
        yield Finding(
            table=name,
            check="settled_exports_are_in_bronze",
            expected=f"every {loaded.source.batch_word} that was applied in Bronze",
            found=f"{len(lost)} that are not: {listed(lost)}",
            do=LOAD_BRONZE,
        )
    kept = {batch_id for commit in effective(commits) for batch_id in commit_note(commit, EXPORTS_NOTE) or []}
    if lost := sorted(settled - kept):
        yield Finding(
            table=name,
            check="settled_exports_are_in_the_data",
            expected=f"the rows of every {loaded.source.batch_word} that counts as settled",
            found=f"the table was rolled back behind {len(lost)} of them: {listed(lost)}",
            do=rebuild(silver.table),
        )
    if bronze is not None:
        yield from _sources(silver, bronze, commits)
    yield from _contracts(silver, loaded)
    if rows:
        yield from _unique(silver, rebuild(silver.table))


def verify_rebuild(silver: Snapshot, quarantine: Snapshot) -> Iterator[Finding]:
    """A rebuild replaces Silver first and then its quarantine: whether both came to an end."""
    wanted, done = (_rebuild_id(table) for table in (silver, quarantine))
    if wanted is not None and wanted != done:
        yield Finding(
            table=quarantine.table.name,
            check="rebuild_is_whole",
            expected=f"the rows of the rebuild {wanted}, which {silver.table.name} has",
            found=f"those of {done or 'before any rebuild'}: it was cut off between the two",
            do=rebuild(silver.table),
        )


def verify_quarantine(
    loaded: Loaded, quarantine: Snapshot, bronze: Snapshot | None, *, rows: bool
) -> Iterator[Finding]:
    """Judged by the contract of its table; with `rows` each one once (C6), of a batch that Bronze holds."""
    yield from _contracts(quarantine, loaded)
    if not rows:
        return
    places = quarantine.scan().select(pl.struct(POSITION).hash().alias("place")).collect(engine="streaming")["place"]
    if repeated := places.len() - places.n_unique():
        yield Finding(
            table=quarantine.table.name,
            check="rows_are_there_once",
            expected=f"one row for each ({loaded.source.batch_word}, file, line)",
            found=f"{repeated} more",
            do=rebuild(quarantine.table),
        )
    batches = quarantine.scan().select(pl.col(BATCH_ID).unique()).collect(engine="streaming")[BATCH_ID]
    if lost := sorted(set(batches) - _known_to(bronze)):
        yield Finding(
            table=quarantine.table.name,
            check="exports_are_in_bronze",
            expected=f"rows of {loaded.source.batch_word}s that Bronze holds",
            found=f"rows of {listed(lost)}",
            do=LOAD_BRONZE,
        )


def verify_derived(derived: Snapshot, source: Snapshot, *, rows: bool) -> Iterator[Finding]:
    """A table of the live rows of another, when it says that it has taken all of them; with `rows` its keys as well."""
    name = derived.table.name
    if not is_behind(derived, source):
        live = source.row_count - source.rows_in([None])
        if derived.row_count != live:
            yield Finding(
                table=name,
                check="rows_are_the_live_ones",
                expected=f"{live} rows, the live ones of {source.table.name}",
                found=f"{derived.row_count} rows",
                do=rebuild_computed(derived.table),
            )
        if rows and (leaked := leaked_tombstones(source, derived)):
            yield Finding(
                table=name,
                check="no_tombstone_leaks",
                expected="no row of a deleted key",
                found=f"{leaked}",
                do=rebuild_computed(derived.table),
            )
    if rows:
        yield from _unique(derived, rebuild_computed(derived.table))


def is_behind(derived: Snapshot, source: Snapshot) -> bool:
    """Whether the source has versions that the table made from it has not taken yet."""
    return taken_version(derived, source) != source.version


def _known_to(bronze: Snapshot | None) -> set[str]:
    """The batches that Bronze holds, or held until a later version of their partition took their place (rule E6)."""
    return loaded_ids(bronze) | superseded_batches(bronze) if bronze else set()


def _contracts(snapshot: Snapshot, loaded: Loaded) -> Iterator[Finding]:
    """Rule C6: all rows follow the contract that is in force."""
    present = fingerprint(loaded)
    if others := sorted({*rules_of_rows(snapshot)} - {present}):
        yield Finding(
            table=snapshot.table.name,
            check="judged_by_one_contract",
            expected=f"rows that were judged by the current contract, {present}",
            found=f"some that were judged by an older contract: {', '.join(others)}",
            do=rebuild(loaded.table),
        )


def _sources(silver: Snapshot, bronze: Snapshot, commits: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What Silver was made from: this Bronze table, and the lines that it holds now."""
    name, bronze_name = silver.table.name, bronze.table.name
    made_from = [commit for commit in commits if SOURCE_ID_NOTE in commit]
    if made_from and commit_note(made_from[-1], SOURCE_ID_NOTE) != bronze.table_id:
        yield Finding(
            table=name,
            check="source_is_the_same_table",
            expected=f"to be made from {bronze_name} with the table id {bronze.table_id}",
            found=f"{commit_note(made_from[-1], SOURCE_ID_NOTE)}: {bronze_name} was removed and recreated",
            do=f"{rebuild(silver.table)}; what the former {bronze_name} had and this one lacks is gone from it",
        )
    read_at = {
        batch_id: commit_note(commit, SOURCE_NOTE)
        for commit in made_from
        for batch_id in commit_note(commit, EXPORTS_NOTE) or []
    }
    again = rebuilt_exports(bronze)
    if stale := sorted(batch for batch, version in again.items() if batch in read_at and read_at[batch] < version):
        yield Finding(
            table=name,
            check="source_has_the_same_lines",
            expected=f"batches as {bronze_name} holds them",
            found=f"{len(stale)} that were applied before {bronze_name} was rebuilt: {listed(stale)}",
            do=rebuild(silver.table),
        )


def _unique(snapshot: Snapshot, do: str) -> Iterator[Finding]:
    if repeated := repeated_keys(snapshot):
        yield Finding(
            table=snapshot.table.name,
            check="unique_live_key",
            expected=f"one live row for each {', '.join(snapshot.table.key)}",
            found=f"{repeated} keys with more",
            do=do,
        )


def _rebuild_id(snapshot: Snapshot) -> str | None:
    commit = last_commit(snapshot, REBUILT_NOTE)
    return None if commit is None else commit_note(commit, REBUILT_NOTE).get("id")


def _since_rebuild(commits: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The commits from the last rebuild on, which names every batch that the table then held."""
    rebuilt = [number for number, commit in enumerate(commits) if REBUILT_NOTE in commit]
    return commits[rebuilt[-1] :] if rebuilt else commits


def _history(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Every commit of the table, the first one first."""
    return [*reversed(commits_since(snapshot, -1))]


def effective(commits: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Those of all commits, the first one first, that the rows come from.

    A restore takes those after the version it went back to out again.
    """
    if all(commit.get("operation") != "RESTORE" for commit in commits):
        return commits
    after: dict[int, list[Mapping[str, Any]]] = {}
    kept: list[Mapping[str, Any]] = []
    for commit in commits:
        if commit.get("operation") == "RESTORE":
            target = (commit.get("operationParameters") or {}).get("version")
            kept = after.get(int(target), []) if target is not None else []
        else:
            kept = [*kept, commit]
        after[int(commit["version"])] = kept
    return kept

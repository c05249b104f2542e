"""Watching tables: their versions, and what those who are made from them have taken in, read from the tables' own logs.

Belongs here: what Silver can settle of its Bronze table, the versions that a derived table was made from, and whether
they cover days by now that a release of dbt models closed without (rule V6).
Does not: deciding. A table that is not there yet is nothing to take in, and is not made by looking.
"""

from __future__ import annotations

from datetime import date

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.coverage import least
from medallion_assets.contracts.pipeline import DbtModels, Derived, Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import committed_at
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.notes.source_versions import taken_version
from medallion_assets.delta.row_tables.releases import Release, latest_release
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.closed_days import provisional_days
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.gate import rules_of
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.triggers.table_update import Watched


def watch_bronze(lakehouse: Lakehouse, loaded: Loaded) -> list[Watched]:
    """The Bronze table of a loaded one, against what Silver has settled (rule C5); empty when it is not there.

    Batches that wait for a gap, or behind one that failed the gate and about which nobody decided, are no update; one
    that failed by other rules than those that the contract has now is.
    """
    table = loaded.table
    silver = lakehouse.find(table)  # before Bronze, which then knows of everything that Silver has settled
    bronze = lakehouse.find(bronze_table(table.short_name))
    if bronze is None:
        return []
    checkpoint = taken_version(silver, bronze) if silver else None
    if bronze.version == checkpoint:
        return [_watched(bronze, checkpoint)]
    ledger = Ledger.read(loaded, bronze, silver)
    if loaded.months is not None:
        return [_months_that_wait(bronze, ledger, checkpoint)]
    group = ledger.next_group(1)
    if not group:
        return [_watched(bronze, checkpoint, waits="; ".join(str(gap) for gap in ledger.gaps[:1]))]
    decision = ledger.decision(group[0])
    rules = rules_of(loaded)
    if decision is None and failed_gate(lakehouse, table, group[0], rules):
        word = loaded.source.batch_word
        waits = f"{word} {group[0].id} failed the quality gate: accept or reject it, or run {table.path} manually"
        return [_watched(bronze, checkpoint, waits=waits)]
    return [_watched(bronze, checkpoint, note=f"{decision or ''} {rules}".strip())]


def _months_that_wait(bronze: Snapshot, ledger: Ledger, checkpoint: int | None) -> Watched:
    """Bronze, with the months that can be settled: all but those that failed the gate and nobody decided about."""
    table, rules = ledger.loaded.table, rules_of(ledger.loaded)
    stuck = [
        batch
        for batch in ledger.pending
        if ledger.decision(batch) is None and failed_gate(bronze.lakehouse, table, batch, rules)
    ]
    months = sorted({batch.partition for batch in ledger.pending if batch not in stuck and batch.partition is not None})
    if not months:
        ids = ", ".join(batch.id for batch in stuck)
        waits = f"{ids} failed the quality gate: accept or reject, or run {table.path} manually" if stuck else ""
        return _watched(bronze, checkpoint, waits=waits or "every month is settled")
    decided = sorted(f"{batch.id} {ledger.decision(batch)}" for batch in ledger.pending if ledger.decision(batch))
    return _watched(bronze, checkpoint, note=" ".join([*decided, rules]), months=tuple(months))


def watch_sources(lakehouse: Lakehouse, derived: Derived) -> list[Watched]:
    """The sources of a derived table, against the versions that it was made from; none until all are there."""
    made = lakehouse.find(derived.table)
    sources = [lakehouse.find(source) for source in derived.sources]
    found = [source for source in sources if source is not None]
    if len(found) < len(sources):
        return []
    return [_watched(source, taken_version(made, source) if made else None) for source in found]


def watch_release(lakehouse: Lakehouse, built: DbtModels) -> list[Watched]:
    """The sources of dbt models against the latest release, while it has days that are provisional.

    They are an update once they cover one of these days; empty where there is no such release, or a source is gone.
    """
    release = latest_release(lakehouse, built.name, built.models[0])
    days = {} if release is None else provisional_days(release)
    if release is None or not days:
        return []
    sources = [source for table in built.sources if (source := lakehouse.find(table)) is not None]
    if len(sources) < len(built.sources):
        return []
    covered = least(map(noted_coverage, sources))
    if not covered.includes(min(days.values())):
        waits = f"sources reach to {covered}, before the end of {min(days)}"
        return [_watched(sources[0], _released(release, sources[0]), waits=waits)]
    return [_watched(source, _released(release, source)) for source in sources]


def _released(release: Release, source: Snapshot) -> int | None:
    """The version of a source that a release was built from; None where it was built from another table."""
    entry = release.named.get(source.table.name)
    return entry.version if entry is not None and entry.table_id == source.table_id else None


def failed_gate(lakehouse: Lakehouse, table: Table, batch: Batch, rules: str) -> bool:
    """Whether a batch that is not settled was judged by these rules before: it did not pass then (rule C4)."""
    results = read_results(lakehouse, since=batch.started_at.date())
    of_batch = (results["table_name"] == table.name) & (results["export_id"] == batch.id)
    same_rules = results["rules"].fill_null(rules) == rules
    return bool((of_batch & same_rules & ~results["is_published"]).any())


def _watched(
    snapshot: Snapshot, consumed: int | None, *, note: str = "", waits: str = "", months: tuple[date, ...] = ()
) -> Watched:
    return Watched(
        table=snapshot.table.name,
        table_id=snapshot.table_id,
        version=snapshot.version,
        changed_at=committed_at(snapshot),
        consumed=consumed,
        note=note,
        waits=waits,
        months=months,
    )

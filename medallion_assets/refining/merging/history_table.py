"""History tables: every version of a key, kept right under events in any order (rule H1).

Belongs here: the log of valid events that versions are made from, and putting new versions in the place of old ones.
Does not: how versions follow from events.

Equal states merge into one version, so the versions alone cannot be taken apart again when an older record arrives. The
events are therefore kept beside them, in `<table>_events`. Absences from full batches are not: they follow from the
events and from which full batches were applied.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import narwhals as nw
import polars as pl

from medallion_assets.contracts.beside import events_name
from medallion_assets.contracts.columns import BATCH_ID, IS_DELETE, IS_INCREMENTAL, SEQUENCE, VALID_FROM
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Boolean, Column, Integer, Table, Text
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.damage import sound_files
from medallion_assets.delta.notes.fingerprints import RULES_NOTE, fingerprint, rules_with
from medallion_assets.delta.replacing.partitions import conform
from medallion_assets.delta.schema import conformed, fits_contract, polars_schema, stored_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import PutAside, groups_of
from medallion_assets.engines.pieces import row_group_rows, text_bytes
from medallion_assets.refining.judging.events import event_schema, files_of_batches
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.ledger.origins import is_outdated
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.history import versions

NEVER_MICROS = 2**62


def events_table(table: Table) -> Table:
    """The contract of the log of valid events behind a history table."""
    return Table(
        name=events_name(table),
        description=f"Every valid upsert and delete of {table.name}: what its versions are made from.",
        key=(*table.key, SEQUENCE, BATCH_ID),
        columns=(
            *(column.derived for column in table.decoded_columns),
            Column(SEQUENCE, Integer(), "when it was written, microseconds since 1970 (rule R1)"),
            Column(IS_DELETE, Boolean(), "the key was deleted"),
            Column(IS_INCREMENTAL, Boolean(), "it came with a batch of changes"),
            Column(BATCH_ID, Text(), "the batch that brought it"),
        ),
        rebuilt_with=table.name,
    )


def merge_history(
    loaded: Loaded,
    silver: Snapshot,
    good: Sequence[pl.LazyFrame],
    fulls: FullBatches,
    ignored: Collection[str],
    workspace: Place,
    *,
    whole: Collection[str] = (),
) -> Change:
    """Log good records as events and rebuild the versions of the keys they touch.

    `good` are parts of events (`events.event_schema`); `ignored` are batches whose events do not count (yet). `whole`
    are batches of which `good` holds every valid event: what the log holds of them from a run that was cut off, and
    perhaps judged by other rules, gives way.

    Raises:
        CommitConflictError: another writer logged events meanwhile.
    """
    lakehouse, table = silver.lakehouse, silver.table
    _log(lakehouse, loaded, good, whole)
    counted = lakehouse.open(events_table(table)).scan().filter(~pl.col(BATCH_ID).is_in(list(ignored)))
    counted = counted.filter(~is_outdated(fulls.ends))
    held = silver.scan()
    touched, before, untouched = counted, held, held.clear()  # a full batch may end any key
    if not fulls.applying:
        keys = pl.concat([part.select(table.key) for part in good]).unique().collect(engine="streaming").lazy()
        touched, before = (rows.join(keys, on=table.key, how="semi") for rows in (counted, held))
        untouched = held.join(keys, on=table.key, how="anti")
    height, size = touched.select(pl.len()).collect(engine="streaming").item(), text_bytes(touched)
    engine = silver.lakehouse.engine
    groups = groups_of((height, engine.bounds.group_rows), (size, engine.bounds.group_bytes))
    remake = partial(_remade, fulls=fulls, loaded=loaded)
    folder = workspace if groups > 1 else engine.memory_or(workspace)
    made = list(engine.map_groups(remake, [[touched], [before]], by=table.key, groups=groups, folder=folder))
    if all(group.changed is None for group in made):
        return Change()
    rows = pl.concat([untouched, *(group.versions for group in made)])
    written = silver.folder.write(rows, bounds=(SEQUENCE,), row_group_rows=row_group_rows(height, size))
    return Change(
        written=[written] if written.rows else [],
        removed=silver.files["path"].to_list(),
        rows=sum(group.changed or 0 for group in made),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remade:
    """The versions of some keys; `changed` says how many of them are new, None that all are as they were."""

    versions: pl.LazyFrame
    changed: int | None


def _remade(frames: list[pl.DataFrame], aside: PutAside, *, fulls: FullBatches, loaded: Loaded) -> _Remade:
    before = frames.pop()
    after = _versions(frames.pop(), fulls, loaded)
    order = [*loaded.table.key, VALID_FROM]
    changed = None
    if not after.sort(order).equals(before.sort(order)):
        changed = after.join(before, on=after.columns, how="anti", nulls_equal=True).height
    return _Remade(versions=aside(after), changed=changed)


def replace_events(lakehouse: Lakehouse, loaded: Loaded, made: Snapshot, batch_ids: Collection[str]) -> None:
    """Leave the events of `made`, a table of every valid event of some batches, and nothing else of theirs.

    Events of other batches stay: one may be settled at this moment. They take the contract's columns.
    """
    contract = events_table(loaded.table)

    def replace() -> None:
        if not lakehouse.exists(contract):
            lakehouse.create(contract)
        log = lakehouse.open_any(contract)
        held = log.scan(paths=sound_files(log), schema=stored_schema(log.delta))
        others = conformed(held.filter(~pl.col(BATCH_ID).is_in(list(batch_ids))), polars_schema(contract))
        written = log.folder.write(pl.concat([others, made.scan()]))
        log.commit(
            [written] if written.rows else [],
            remove=log.files["path"].to_list(),
            metadata={RULES_NOTE: [fingerprint(loaded)]},
            new_schema=not fits_contract(log.delta, contract),
        )

    until_committed(replace)


def _log(lakehouse: Lakehouse, loaded: Loaded, good: Sequence[pl.LazyFrame], whole: Collection[str]) -> None:
    """Put the events into the log that it lacks: a batch has one valid event of a key and sequence."""
    table, rules = loaded.table, fingerprint(loaded)
    log = lakehouse.ready(events_table(table))
    identity = list(log.table.key)
    events = pl.concat([part.select(event_schema(table).names()) for part in good])
    removed, kept = files_of_batches(log, whole)
    batches = events.select(pl.col(BATCH_ID).unique()).collect(engine="streaming")[BATCH_ID]
    others = batches.filter(~batches.is_in(list(whole)))
    logged = log.scan().filter(pl.col(BATCH_ID).is_in(others.implode())).select(identity)
    new = events.join(logged.collect(engine="streaming").lazy(), on=identity, how="anti")
    names = polars_schema(log.table).names()
    rows = pl.concat([kept, new.select(names)])
    height, size = rows.select(pl.len()).collect(engine="streaming").item(), text_bytes(rows)
    written = log.folder.write(rows, row_group_rows=row_group_rows(height, size))
    if written.rows or removed:
        log.commit([written] if written.rows else [], remove=removed, metadata={RULES_NOTE: rules_with(log, [rules])})


def _versions(events: pl.DataFrame, fulls: FullBatches, loaded: Loaded) -> pl.DataFrame:
    table = loaded.table
    absent = absences(events, fulls, table)
    return version_rows(pl.concat([events.select(event_schema(table).names()), absent]), loaded)


def version_rows(events: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """The versions that events give, those of absences too, as rows of the table."""
    source = loaded.source
    found = versions(nw.from_native(events.lazy()), loaded.table, source.uncertainty, source.order)
    return conform(found.to_native(), loaded.table).collect()


def absences(events: pl.DataFrame, fulls: FullBatches, table: Table) -> pl.DataFrame:
    """Deletes that no line tells: a full batch lacks a key that has an older event (rule K1).

    Gives events. For each event, the full batches between it and the key's next event are looked at: one at the time of
    an event changes nothing, since at an equal sequence a record wins over an absence. What is deleted by then stays
    so: years of full batches after it are not looked at.
    """
    key = list(table.key)
    batches = [*fulls.applied, fulls.applying] if fulls.applying else list(fulls.applied)
    pictures = pl.DataFrame(
        [(full.decides_at, full.id) for full in batches],
        schema={"_full_sequence_micros": pl.Int64, "_full_export_id": pl.String},
        orient="row",
    )
    next_micros = pl.col(SEQUENCE).shift(-1).over(key, order_by=SEQUENCE).fill_null(NEVER_MICROS)
    is_deleted = pl.col(IS_DELETE).all().over(*key, SEQUENCE)  # of several at one time nobody has ordered them yet
    spans = events.lazy().with_columns(next_micros.alias("_next_micros")).filter(~is_deleted)
    known = pl.concat([events.select(*key, BATCH_ID), fulls.bad_keys.select(*key, BATCH_ID)])
    unlisted = (
        spans.join_where(
            pictures.lazy(),
            pl.col("_full_sequence_micros") > pl.col(SEQUENCE),
            pl.col("_full_sequence_micros") < pl.col("_next_micros"),
        )
        .join(known.lazy(), left_on=[*key, "_full_export_id"], right_on=[*key, BATCH_ID], how="anti")
        .select(
            *key,
            pl.col("_full_sequence_micros").alias(SEQUENCE),
            pl.col("_full_export_id").alias(BATCH_ID),
        )
        .unique()
        .with_columns(pl.lit(value=True).alias(IS_DELETE), pl.lit(value=False).alias(IS_INCREMENTAL))
        .collect()
    )
    return pl.concat([pl.DataFrame(schema=event_schema(table)), unlisted], how="diagonal")

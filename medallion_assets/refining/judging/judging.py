"""Judging: the lines of some batches become good records, bad records, and counts for each batch.

Belongs here: going through batches in blocks of bounded size, and taking duplicates out.
Does not: what a valid record is (the contract), whether a batch passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_TYPE,
    FAILURES,
    IS_DELETE,
    IS_INCREMENTAL,
    LINE_NUMBER,
    RAW,
    REASON_COLUMNS,
    REASONS,
    UNKNOWN_ATTRIBUTES,
    WARNINGS,
)
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import LineReader
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Bounds, Engine, PutAside, groups_of, in_groups
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.errors.long_texts import largest_first
from medallion_assets.refining.bronze import files_of
from medallion_assets.refining.judging.duplicates import (
    KEY_HASH,
    LINE_HASH,
    RAW_BYTES,
    apart,
    identity,
    repeated_lines,
    resolved,
    suspects,
    with_key_hash,
    with_line_hash,
)
from medallion_assets.refining.judging.events import POSITION, event_schema
from medallion_assets.refining.judging.failing_conditions import judge_by_name
from medallion_assets.refining.judging.gate import Counts
from medallion_assets.refining.judging.null_columns import count_nulls, wanted_columns
from medallion_assets.refining.typing.decode import TEXTS_HASH, decode

MOST_UNKNOWN_NAMES = 1_000
"""Names beyond the contract that are counted of a batch, the most frequent ones: names may be data themselves."""

BAD_COLUMNS = (REASONS, REASON_COLUMNS, RAW, *POSITION)


@dataclass(slots=True, kw_only=True)
class Judged:
    """What judging gave, in parts: `good` are events (`events.event_schema`), `bad` judged records with reasons.

    Both have the key's columns; those of a bad record whose key cannot be read are null.

    There are several parts where one group does not hold them; each state of a key of a batch is in one of them.
    """

    good: list[pl.LazyFrame] = field(default_factory=list)
    bad: list[pl.LazyFrame] = field(default_factory=list)
    counts: dict[str, Counts]

    def add(self, parts: Sequence[_Part]) -> None:
        """Put in what was judged in some blocks, as one part."""
        self.good.append(pl.concat([part.good for part in parts]))
        self.bad.append(pl.concat([part.bad for part in parts]))
        for part in parts:
            self.count(part.counts)

    def count(self, counts: Mapping[str, Counts], *, sign: int = 1) -> None:
        """Count records in, or with `sign=-1` out."""
        for batch_id, part in counts.items():
            counted = self.counts[batch_id].plus(part, sign=sign)
            self.counts[batch_id] = replace(counted, unknown_attributes=_most(counted.unknown_attributes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some records, judged: put aside, and counted; their lines have so many bytes.

    `before` counts them as they were first judged.
    """

    good: pl.LazyFrame
    bad: pl.LazyFrame
    counts: Mapping[str, Counts]
    line_bytes: int
    before: Mapping[str, Counts] = field(default_factory=dict)


def judge_batches(bronze: Snapshot, loaded: Loaded, batches: Sequence[Batch], workspace: Place) -> Judged:
    """Judge every record of some batches.

    What does not fit in one block is put into `workspace`, which lives as long as the result is used.
    """
    judged = Judged(counts={batch.id: Counts(export_id=batch.id) for batch in batches})
    held = files_of(bronze, [batch.id for batch in batches])
    files = bronze.folder.part(held["path"], rows=held["num_records"])
    engine = bronze.lakehouse.engine
    work = partial(_judge_block, loaded=loaded, reader=loaded.source.reader(loaded.table))
    with closing(engine.map_blocks(work, files, folder=workspace)) as blocks:
        for parts in _in_parts(blocks, engine.bounds):
            judged.add(parts)
    _resolve_duplicates(engine, files, loaded, judged, workspace)
    return judged


def judge_lines(lines: pl.DataFrame, loaded: Loaded, reader: LineReader | None = None) -> pl.DataFrame:
    """Decode lines and judge each record by types and expectations; adds the key's hash, or that of all texts."""
    table = loaded.table
    records = judge_by_name(decode(lines, table, loaded.source, reader), loaded)
    if table.left_out:
        drift = pl.col(UNKNOWN_ATTRIBUTES).list.set_difference(list(table.left_out))
        records = records.with_columns(drift.alias(UNKNOWN_ATTRIBUTES))
    incremental = (pl.col(EXPORT_TYPE) == BatchKind.CHANGES.value).alias(IS_INCREMENTAL)
    length = pl.col(RAW).str.len_bytes().alias(RAW_BYTES)
    records = records.with_columns(incremental, length)
    if loaded.months is not None:
        return records.rename({TEXTS_HASH: KEY_HASH})
    return with_key_hash(records.lazy(), identity(table.key, loaded.source.order)).collect()


def count_records(
    records: pl.DataFrame, table: Table, *, duplicates_of: pl.DataFrame | None = None
) -> dict[str, Counts]:
    """Count judged records by batch, and how many fewer they are than `duplicates_of`, where that is given."""
    before = {} if duplicates_of is None else dict(duplicates_of.group_by(BATCH_ID).len().iter_rows())
    result = {}
    counted = (IS_DELETE, REASONS, WARNINGS, FAILURES, UNKNOWN_ATTRIBUTES)
    sourced = [column.name for column in table.decoded_columns if column.source is not None]
    looked_at = dict.fromkeys([*wanted_columns(table), *sourced])
    judged = records.select(BATCH_ID, *counted, *looked_at)
    for (batch_id,), part in judged.partition_by(BATCH_ID, as_dict=True).items():
        nulls = count_nulls(part, table)
        bad = part.filter(pl.col(REASONS).list.len() > 0)
        result[batch_id] = Counts(
            export_id=batch_id,
            records=part.height,
            duplicates=max(0, before.get(batch_id, 0) - part.height),
            bad=bad.height,
            deletes=part.filter(pl.col(IS_DELETE) & (pl.col(REASONS).list.len() == 0)).height,
            reasons=_occurrences(bad[REASONS].list.unique()),
            warnings=_occurrences(part[WARNINGS]),
            failures=_occurrences(part[FAILURES]),
            unknown_attributes=_occurrences(part[UNKNOWN_ATTRIBUTES]),
            upserts=nulls.upserts,
            nulls=nulls.wanted,
            unreachable=nulls.unreachable,
            filled=Counter({name: many for name in sourced if (many := part.height - part[name].null_count())}),
        )
    return result


def _in_parts(blocks: Iterator[_Part], bounds: Bounds) -> Iterator[list[_Part]]:
    """The blocks together that make a part: as much as a group may hold, in which a record counts as many bytes."""
    least = bounds.group_bytes // bounds.group_rows

    def size(block: _Part) -> int:
        return max(block.line_bytes, least * sum(counts.records for counts in block.counts.values()))

    return in_groups(blocks, size, bounds.group_bytes, alone=bounds.group_bytes)


def _judge_block(lines: pl.DataFrame, aside: PutAside, *, loaded: Loaded, reader: LineReader | None = None) -> _Part:
    return _part(judge_lines(lines, loaded, reader), aside, loaded.table)


def _part(records: pl.DataFrame, aside: PutAside, table: Table, before: pl.DataFrame | None = None) -> _Part:
    """Put records aside; `before` are those from which they were resolved, if they were."""
    is_bad = pl.col(REASONS).list.len() > 0
    columns = dict.fromkeys((*event_schema(table).names(), *POSITION[1:]))
    good = with_line_hash(records.lazy().filter(~is_bad)).select(*columns, KEY_HASH, LINE_HASH, RAW_BYTES)
    bad = records.lazy().filter(is_bad).select(*BAD_COLUMNS, KEY_HASH, RAW_BYTES, *table.key)
    put = aside(good.collect()), aside(bad.collect())
    counts = count_records(records, table, duplicates_of=before)
    return _Part(
        good=put[0],
        bad=put[1],
        counts=counts,
        line_bytes=int(records[RAW_BYTES].sum()),
        before={} if before is None else count_records(before, table),
    )


def _resolve_duplicates(engine: Engine, files: ParquetFiles, loaded: Loaded, judged: Judged, workspace: Place) -> None:
    """Resolve the suspects, together: take their first judgement out, and put the resolved one in.

    All records of a key are resolved at once; keys are taken by their hashes, as many as fit in a group.
    """
    total = sum(counts.records for counts in judged.counts.values())
    hashes = suspects(engine, [*judged.good, *judged.bad], total) if total else None
    if hashes is None or not hashes.height:
        return
    aside = Aside(engine.memory_or(workspace))
    (good, judged.good), (bad, judged.bad) = apart(judged.good, hashes, aside), apart(judged.bad, hashes, aside)
    lines = pl.concat([part.select(RAW_BYTES) for part in (*good, *bad)])
    groups = groups_of((int(lines.sum().collect().item()), engine.bounds.group_bytes))
    was_one = len(judged.good) == groups == 1
    resolve = partial(_resolve_suspects, files=files, loaded=loaded)
    folder = engine.memory_or(workspace) if was_one else workspace
    for parts in engine.map_groups(resolve, [good, bad], by=[KEY_HASH], groups=groups, folder=folder):
        for part in parts:
            judged.count(part.before, sign=-1)
        judged.add(parts)
    if was_one:
        judged.good, judged.bad = [pl.concat(judged.good)], [pl.concat(judged.bad)]


def _resolve_suspects(
    found: list[pl.DataFrame], aside: PutAside, *, files: ParquetFiles, loaded: Loaded
) -> list[_Part]:
    """Of a line that is repeated the first is kept as it was judged; of all other suspects the lines are read again."""
    good, bad = found
    repeated = repeated_lines(good, bad)
    others = good.join(repeated, on=KEY_HASH, how="anti")
    positions = pl.concat([others.select(POSITION), bad.select(POSITION)])
    parts = [_judge_suspects(positions, aside, files=files, loaded=loaded)] if positions.height else []
    kept = repeated.sort(POSITION).unique(KEY_HASH, keep="first")
    counted, before = (_with_nothing_told(records) for records in (kept, repeated))
    return [
        *parts,
        _Part(
            good=aside(kept),
            bad=aside(bad.clear()),
            counts=count_records(counted, loaded.table, duplicates_of=before),
            line_bytes=int(kept[RAW_BYTES].sum()),
            before=count_records(before, loaded.table),
        ),
    ]


def _judge_suspects(positions: pl.DataFrame, aside: PutAside, *, files: ParquetFiles, loaded: Loaded) -> _Part:
    may_be = pl.col(LINE_NUMBER).is_in(positions[LINE_NUMBER].implode())  # spares comparing the names of files
    lines = files.scan().filter(may_be).join(positions.lazy(), on=POSITION, how="semi").collect(engine="streaming")
    table, records = loaded.table, judge_lines(lines, loaded)
    once = () if loaded.months is not None else identity(table.key, loaded.source.order)
    return _part(resolved(records, once, loaded.source.canonical), aside, table, before=records)


def _with_nothing_told(good: pl.DataFrame) -> pl.DataFrame:
    """Good records as they were judged, of which nothing was told (`with_line_hash`)."""
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return good.with_columns(nothing.alias(name) for name in (REASONS, WARNINGS, FAILURES, UNKNOWN_ATTRIBUTES))


def _occurrences(lists: pl.Series) -> Counter[str]:
    filled = lists.filter(lists.list.len() > 0)
    if filled.is_empty():
        return Counter()
    exploded = filled.explode().drop_nulls().alias("name")
    counts = exploded.value_counts().sort(["count", "name"], descending=[True, False]).head(MOST_UNKNOWN_NAMES)
    return Counter(dict(counts.iter_rows()))


def _most(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Of what duplicates are taken out of, a name may have been left out before: it is not there then."""
    if len(counts) <= MOST_UNKNOWN_NAMES and all(count > 0 for count in counts.values()):
        return counts
    return Counter({name: count for name, count in largest_first(counts)[:MOST_UNKNOWN_NAMES] if count > 0})

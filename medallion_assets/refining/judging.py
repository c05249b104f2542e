"""Judging: the lines of some exports become good records, bad records, and a tally for each export.

Belongs here: going through exports in chunks of bounded size, and taking duplicates out.
Does not: what a valid record is (the contract), whether an export passes (refining.gate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.expectations import judge
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.pieces import spilled
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining import line_chunks
from medallion_assets.refining.bronze import files_of
from medallion_assets.refining.duplicates import KEY_HASH, settle, suspects, with_key_hash, without
from medallion_assets.refining.events import POSITION, event_schema
from medallion_assets.refining.gate import Tally
from medallion_assets.refining.typing.decode import decode

RAW_BYTES = "_raw_bytes"
"""The length of a record's line."""

MOST_UNKNOWN_NAMES = 1_000
"""Names beyond the contract that are counted of an export, the most frequent ones: names may be data themselves."""

BAD_COLUMNS = ("_reasons", "_reason_columns", "raw", *POSITION)


@dataclass(slots=True, kw_only=True)
class Judged:
    """What judging gave, in parts: `good` are events (`records.event_schema`), `bad` judged records with reasons.

    Both have the key's columns; those of a bad record whose key cannot be read are null.

    There are several parts for one large export only: each of its keys is then in one of them.
    """

    good: list[pl.LazyFrame] = field(default_factory=list)
    bad: list[pl.LazyFrame] = field(default_factory=list)
    tallies: dict[str, Tally]


def judge_exports(bronze: Snapshot, loaded: Loaded, exports: Sequence[Batch], workspace: Path) -> Judged:
    """Judge every record of some exports.

    What does not fit in one chunk is put into `workspace`, an empty folder that lives as long as the result is used.
    """
    judged = Judged(tallies={export.id: Tally(export_id=export.id) for export in exports})
    paths = files_of(bronze, [export.id for export in exports])["path"]
    is_empty = True
    for chunk in line_chunks.chunks(bronze.scan(paths=paths)):
        spill = None if chunk.is_all else workspace / f"judged-{len(judged.good)}"
        _judge_chunk(judged, chunk.taken(), loaded, spill)
        is_empty = False
    if is_empty:
        _judge_chunk(judged, bronze.scan(paths=[]).collect(), loaded, None)
    _settle_duplicates(bronze, loaded, judged, workspace)
    return judged


def judge_lines(lines: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Decode lines and judge each record by types and expectations; adds the key's hash."""
    table = loaded.table
    records = judge(decode(lines, table, loaded.source), table.expectations)
    incremental = (pl.col("_export_type") == BatchKind.CHANGES.value).alias("_is_incremental")
    length = pl.col("raw").str.len_bytes().alias(RAW_BYTES)
    return with_key_hash(records.lazy().with_columns(incremental, length), table.key).collect()


def tally(records: pl.DataFrame) -> dict[str, Tally]:
    """Count judged records by export."""
    result = {}
    counted = ("_is_delete", "_reasons", "_warnings", "_failures", "_unknown_attributes")
    judged = records.select("_export_id", *counted)
    for (export_id,), part in judged.partition_by("_export_id", as_dict=True).items():
        bad = part.filter(pl.col("_reasons").list.len() > 0)
        result[str(export_id)] = Tally(
            export_id=str(export_id),
            records=part.height,
            bad=bad.height,
            deletes=part.filter(pl.col("_is_delete") & (pl.col("_reasons").list.len() == 0)).height,
            reasons=_occurrences(bad["_reasons"].list.unique()),
            warnings=_occurrences(part["_warnings"]),
            failures=_occurrences(part["_failures"]),
            unknown_attributes=_occurrences(part["_unknown_attributes"]),
        )
    return result


def _judge_chunk(judged: Judged, lines: pl.DataFrame, loaded: Loaded, spill: Path | None) -> None:
    records = judge_lines(lines, loaded)
    _put(judged, records, loaded.table, spill)
    _count(judged.tallies, records)


def _put(judged: Judged, records: pl.DataFrame, table: Table, spill: Path | None) -> None:
    is_bad = pl.col("_reasons").list.len() > 0
    good = records.lazy().filter(~is_bad).select(*event_schema(table).names(), *POSITION[1:], KEY_HASH, RAW_BYTES)
    bad = records.lazy().filter(is_bad).select(*BAD_COLUMNS, KEY_HASH, RAW_BYTES, *table.key)
    judged.good.append(_kept(good, spill, "good"))
    judged.bad.append(_kept(bad, spill, "bad"))


def _kept(part: pl.LazyFrame, spill: Path | None, name: str) -> pl.LazyFrame:
    if spill is None:
        return part.collect().lazy()
    return spilled(part.collect(), spill.with_name(f"{spill.name}-{name}.parquet"))


def _count(tallies: dict[str, Tally], records: pl.DataFrame, *, sign: int = 1) -> None:
    for export_id, part in tally(records).items():
        counted = tallies[export_id].plus(part, sign=sign)
        tallies[export_id] = replace(counted, unknown_attributes=_most(counted.unknown_attributes))


def _settle_duplicates(bronze: Snapshot, loaded: Loaded, judged: Judged, workspace: Path) -> None:
    """Judge the suspects anew, together: take their first judgement out, and put the settled one in.

    All records of a key are settled at once; keys are taken by their hashes, as many as fit in a chunk.
    """
    total = sum(one.records for one in judged.tallies.values())
    hashes = suspects([*judged.good, *judged.bad], total) if total else None
    if hashes is None or not hashes.height:
        return
    parts = [part.select(*POSITION, KEY_HASH, RAW_BYTES) for part in (*judged.good, *judged.bad)]
    found = pl.concat([part.join(hashes.lazy(), on=KEY_HASH, how="semi") for part in parts]).collect()
    one_chunk = len(judged.good) == 1
    judged.good = without(judged.good, hashes)
    judged.bad = without(judged.bad, hashes)
    paths = files_of(bronze, list(judged.tallies))["path"]
    buckets = -(-int(found[RAW_BYTES].sum()) // line_chunks.CHUNK_BYTES) or 1
    for bucket in range(buckets):
        positions = found.filter(pl.col(KEY_HASH) % buckets == bucket).select(POSITION).lazy()
        lines = bronze.scan(paths=paths).join(positions, on=POSITION, how="semi").collect(engine="streaming")
        records = judge_lines(lines, loaded)
        settled = settle(records, loaded.table.key, loaded.source.canonical)
        _count(judged.tallies, records, sign=-1)
        _count(judged.tallies, settled)
        _put(judged, settled, loaded.table, None if one_chunk and buckets == 1 else workspace / f"settled-{bucket}")
    if one_chunk and buckets == 1:
        judged.good, judged.bad = [pl.concat(judged.good)], [pl.concat(judged.bad)]


def _occurrences(lists: pl.Series) -> Counter[str]:
    exploded = lists.filter(lists.list.len() > 0).explode().drop_nulls().alias("name")
    counts = exploded.value_counts().sort(["count", "name"], descending=[True, False]).head(MOST_UNKNOWN_NAMES)
    return Counter(dict(counts.iter_rows()))


def _most(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Of what duplicates are taken out of, a name may have been left out before: it is not there then."""
    if len(counts) <= MOST_UNKNOWN_NAMES and all(count > 0 for count in counts.values()):
        return counts
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return Counter({name: count for name, count in ordered[:MOST_UNKNOWN_NAMES] if count > 0})

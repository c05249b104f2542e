"""Judging: the lines of some exports become good records, bad records, and a tally for each export.

Belongs here: going through exports in chunks of bounded size, and taking duplicates out.
Does not: what a valid record is (the contract), whether an export passes (lakehouse.gate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.decode import decode
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.lakehouse.duplicates import KEY_HASH, settle, suspects, with_key_hash, without
from medallion_assets.lakehouse.expectations import judge
from medallion_assets.lakehouse.gate import Tally
from medallion_assets.lakehouse.raw_exports import INCREMENTAL, RawExport, export_files
from medallion_assets.lakehouse.records import POSITION, event_schema

CHUNK_RECORDS = 500_000
"""Records that are in memory at a time."""

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


def judge_exports(bronze: Snapshot, table: Table, exports: Sequence[RawExport], workspace: Path) -> Judged:
    """Judge every record of some exports.

    What does not fit in one chunk is put into `workspace`, an empty folder that lives as long as the result is used.
    """
    judged = Judged(tallies={export.export_id: Tally(export_id=export.export_id) for export in exports})
    chunks = list(_chunks(bronze, exports)) or [bronze.scan(paths=[])]
    for number, chunk in enumerate(chunks):
        records = judge_lines(chunk.collect(engine="streaming"), table)
        spill = None if len(chunks) == 1 else workspace / f"judged-{number}"
        _put(judged, records, table, spill)
        _count(judged.tallies, records)
    _settle_duplicates(bronze, table, judged)
    return judged


def judge_lines(lines: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Decode lines and judge each record by types and expectations; adds the key's hash."""
    records = judge(decode(lines, table), table.expectations)
    incremental = (pl.col("_export_type") == INCREMENTAL).alias("_is_incremental")
    return with_key_hash(records.lazy().with_columns(incremental), table.key).collect()


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


def _chunks(bronze: Snapshot, exports: Sequence[RawExport]) -> Iterator[pl.LazyFrame]:
    """The lines of the exports in parts of at most CHUNK_RECORDS rows."""
    waiting: list[pl.LazyFrame] = []
    room = CHUNK_RECORDS
    for export in exports:
        for path, rows in export_files(bronze, export.export_id).select("path", "num_records").iter_rows():
            start = 0
            while start < rows:
                take = min(room, rows - start)
                waiting.append(bronze.scan(paths=[path]).slice(start, take))
                start += take
                room -= take
                if not room:
                    yield pl.concat(waiting)
                    waiting, room = [], CHUNK_RECORDS
    if waiting:
        yield pl.concat(waiting)


def _put(judged: Judged, records: pl.DataFrame, table: Table, spill: Path | None) -> None:
    is_bad = pl.col("_reasons").list.len() > 0
    good = records.lazy().filter(~is_bad).select(*event_schema(table).names(), *POSITION[1:], KEY_HASH)
    bad = records.lazy().filter(is_bad).select(*BAD_COLUMNS, KEY_HASH, *table.key)
    judged.good.append(_kept(good, spill, "good"))
    judged.bad.append(_kept(bad, spill, "bad"))


def _kept(part: pl.LazyFrame, spill: Path | None, name: str) -> pl.LazyFrame:
    if spill is None:
        return part.collect().lazy()
    path = spill.with_name(f"{spill.name}-{name}.parquet")
    part.sink_parquet(path, compression="lz4")
    return pl.scan_parquet(path, glob=False)


def _count(tallies: dict[str, Tally], records: pl.DataFrame, *, sign: int = 1) -> None:
    for export_id, part in tally(records).items():
        tallies[export_id] = tallies[export_id].plus(part, sign=sign)


def _settle_duplicates(bronze: Snapshot, table: Table, judged: Judged) -> None:
    """Judge the suspects anew, together: take their first judgement out, and put the settled one in."""
    total = sum(one.records for one in judged.tallies.values())
    hashes = suspects([*judged.good, *judged.bad], total) if total else None
    if hashes is None or not hashes.height:
        return
    parts = [part.select(*POSITION, KEY_HASH) for part in (*judged.good, *judged.bad)]
    positions = pl.concat([part.join(hashes.lazy(), on=KEY_HASH, how="semi") for part in parts]).collect()
    files = pl.concat([export_files(bronze, export_id) for export_id in judged.tallies])["path"]
    lines = bronze.scan(paths=files).join(positions.lazy(), on=POSITION, how="semi").collect(engine="streaming")
    records = judge_lines(lines, table)
    settled = settle(records, table.key)
    _count(judged.tallies, records, sign=-1)
    _count(judged.tallies, settled)
    one_chunk = len(judged.good) == 1
    judged.good = without(judged.good, hashes)
    judged.bad = without(judged.bad, hashes)
    _put(judged, settled, table, None)
    if one_chunk:
        judged.good, judged.bad = [pl.concat(judged.good)], [pl.concat(judged.bad)]


def _occurrences(lists: pl.Series) -> Counter[str]:
    exploded = lists.filter(lists.list.len() > 0).explode().drop_nulls()
    return Counter(dict(exploded.value_counts().iter_rows()))

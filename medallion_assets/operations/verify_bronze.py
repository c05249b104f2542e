"""Bronze: the ledger against the data. Every export that a commit brought is in, each of its lines once.

Belongs here: what rules B1, B4 and B5 promise of a Bronze table.
Does not: single files (operations.verify_files), or the exports as they lie in the bucket (`medallion exports verify`).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.lakehouse.raw_exports import RawExport, exports_since, loaded_ids
from medallion_assets.operations.findings import Finding, rebuild

LOAD_AGAIN = "run the Bronze asset: ingest looks at the data, so it loads the export again from where it lies"


def verify_bronze(bronze: Snapshot, *, rows: bool) -> Iterator[Finding]:
    """Look at what the log says of each export; with `rows` at every line too, one data file at a time."""
    noted = {export.export_id: export for export in exports_since(bronze, 0)}
    held = loaded_ids(bronze)
    name = bronze.table.name
    for export_id in sorted(noted.keys() - held):
        yield Finding(
            table=name,
            check="ledger_is_in_the_data",
            expected=f"the {noted[export_id].records} lines of export {export_id}, which version "
            f"{noted[export_id].version} brought",
            found="no data file of it is live: the table was rolled back, or the files were removed",
            do=LOAD_AGAIN,
        )
    for export_id in sorted(held):
        files = bronze.files.filter(pl.col("min._export_id") == export_id)
        yield from _export(bronze, export_id, noted.get(export_id), int(files["num_records"].sum()))
        if rows:
            yield from _lines(bronze, export_id, files)


def _export(bronze: Snapshot, export_id: str, noted: RawExport | None, rows: int) -> Iterator[Finding]:
    name = bronze.table.name
    if noted is None:
        yield Finding(
            table=name,
            check="data_is_in_the_ledger",
            expected="a commit that says it brought the export",
            found=f"{rows} lines of export {export_id} that no commit mentions",
            do=rebuild(name),
        )
    elif noted.records != rows:
        yield Finding(
            table=name,
            check="export_is_whole",
            expected=f"{noted.records} lines of export {export_id}, as the commit that brought it says",
            found=f"{rows} lines",
            do=rebuild(name),
        )
    if bronze.transaction(export_id) is None:
        yield Finding(
            table=name,
            check="export_has_its_transaction",
            expected=f"an application transaction {export_id}",
            found="none",
            do=rebuild(name),
        )


def _lines(bronze: Snapshot, export_id: str, files: pl.DataFrame) -> Iterator[Finding]:
    """Every line of every source file once, numbered from 1 without a gap; and of this export, as the log says."""
    sources: set[str] = set()
    for path in files["path"].sort():
        groups = (
            bronze.scan(paths=[path])
            .group_by("_export_id", "_source_file")
            .agg(
                pl.len().alias("lines"),
                pl.col("_line_number").n_unique().alias("numbers"),
                pl.col("_line_number").min().alias("first"),
                pl.col("_line_number").max().alias("last"),
            )
            .sort("_export_id", "_source_file")
            .collect(engine="streaming")
        )
        for row in groups.iter_rows(named=True):
            source = row["_source_file"]
            problems = []
            if row["_export_id"] != export_id:
                problems.append(f"lines of export {row['_export_id']}")
            if source in sources:
                problems.append(f"{source} a second time")
            if row["lines"] != row["numbers"]:
                problems.append(f"{row['lines'] - row['numbers']} lines of {source} more than once")
            if (row["first"], row["last"]) != (1, row["numbers"]):
                problems.append(f"{row['numbers']} lines of {source}, numbered {row['first']} to {row['last']}")
            sources.add(source)
            if problems:
                yield Finding(
                    table=bronze.table.name,
                    check="lines_are_there_once",
                    file=path,
                    expected=f"every line of export {export_id} once, numbered from 1 in its source file",
                    found="; ".join(problems),
                    do=rebuild(bronze.table.name),
                )

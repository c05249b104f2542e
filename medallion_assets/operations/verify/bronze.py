"""Bronze: the ledger against the data. Every batch that a commit brought is in, each of its lines once.

Belongs here: what rules B1, B4 and B5 promise of a Bronze table.
Does not: single files, or the batches as they lie in the bucket (`medallion exports verify`).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, LINE_NUMBER, LOWEST_BATCH_ID, SOURCE_FILE
from medallion_assets.contracts.source import Source
from medallion_assets.delta.table import Snapshot
from medallion_assets.operations.verify.findings import Finding, rebuild
from medallion_assets.refining.bronze import batches_since, dropped_batches, loaded_ids
from medallion_assets.refining.versions import superseded_batches

LOAD_AGAIN = "run the Bronze asset: ingest looks at the data, so it loads the batch again from its source"


def verify_bronze(bronze: Snapshot, source: Source, *, rows: bool) -> Iterator[Finding]:
    """Look at what the log says of each batch; with `rows` at every line too, batch by batch."""
    noted = {batch.id: batch for batch in batches_since(bronze, 0, source)}
    held = loaded_ids(bronze)
    name = bronze.table.name
    lost = noted.keys() - held
    for batch_id in sorted(lost - dropped_batches(bronze) - superseded_batches(bronze) if lost else lost):
        yield Finding(
            table=name,
            check="ledger_is_in_the_data",
            expected=f"the {noted[batch_id].records} lines of {source.batch_word} {batch_id}, which version "
            f"{noted[batch_id].version} brought",
            found="no data file of it is live: the table was rolled back, or the files were removed",
            do=LOAD_AGAIN,
        )
    files_by_batch = bronze.files.partition_by(LOWEST_BATCH_ID, as_dict=True) if held else {}
    for batch_id in sorted(held):
        files = files_by_batch[(batch_id,)]
        yield from _batch(bronze, source.batch_word, batch_id, noted.get(batch_id), int(files["num_records"].sum()))
        if rows:
            yield from _lines(bronze, source.batch_word, batch_id, files)


def _batch(bronze: Snapshot, word: str, batch_id: str, noted: Batch | None, rows: int) -> Iterator[Finding]:
    name = bronze.table.name
    if noted is None:
        yield Finding(
            table=name,
            check="data_is_in_the_ledger",
            expected=f"a commit that says it brought the {word}",
            found=f"{rows} lines of {word} {batch_id} that no commit mentions",
            do=rebuild(bronze.table),
        )
    elif noted.records != rows:
        yield Finding(
            table=name,
            check="export_is_whole",
            expected=f"{noted.records} lines of {word} {batch_id}, as the commit that brought it says",
            found=f"{rows} lines",
            do=rebuild(bronze.table),
        )
    if bronze.transaction(batch_id) is None:
        yield Finding(
            table=name,
            check="export_has_its_transaction",
            expected=f"an application transaction {batch_id}",
            found="none",
            do=rebuild(bronze.table),
        )


def _lines(bronze: Snapshot, word: str, batch_id: str, files: pl.DataFrame) -> Iterator[Finding]:
    """Every line of every source file once, numbered from 1 without a gap; and of this batch, as the log says.

    A source file may lie in several files of Bronze, and one of these may hold many. Counts and sums say whether all
    is well, in memory that does not grow with the lines; what is wrong is then looked at by itself.
    """
    number = pl.col(LINE_NUMBER)
    lines = bronze.scan(paths=files["path"])
    groups = lines.group_by(BATCH_ID, SOURCE_FILE).agg(
        pl.len().cast(pl.Int128).alias("n"),
        number.min().alias("first"),
        number.max().alias("last"),
        number.cast(pl.Int128).sum().alias("sum"),
        (number.cast(pl.Int128) * number.cast(pl.Int128)).sum().alias("squares"),
    )
    n = pl.col("n")
    is_well = (
        (pl.col(BATCH_ID) == batch_id)
        & (pl.col("first") == 1)
        & (pl.col("last") == n)
        & (pl.col("sum") * 2 == n * (n + 1))
        & (pl.col("squares") * 6 == n * (n + 1) * (n * 2 + 1))
    )
    wrong = groups.filter(~is_well).sort(BATCH_ID, SOURCE_FILE).collect(engine="streaming")
    for owner, source in wrong.select(BATCH_ID, SOURCE_FILE).iter_rows():
        of_source = (pl.col(BATCH_ID) == owner) & (pl.col(SOURCE_FILE) == source)
        found = lines.filter(of_source).select(
            pl.len(), number.n_unique().alias("numbers"), number.min().alias("first"), number.max().alias("last")
        )
        count, numbers, first, last = found.collect(engine="streaming").row(0)
        problems = []
        if owner != batch_id:
            problems.append(f"lines of {word} {owner}")
        if count != numbers:
            problems.append(f"{count - numbers} lines of {source} more than once")
        if (first, last) != (1, numbers):
            problems.append(f"{numbers} lines of {source}, numbered {first} to {last}")
        yield Finding(
            table=bronze.table.name,
            check="lines_are_there_once",
            file=files["path"][0] if files.height == 1 else None,
            expected=f"every line of {word} {batch_id} once, numbered from 1 in its source file",
            found="; ".join(problems),
            do=rebuild(bronze.table),
        )

"""Damages planted in a lakehouse, and how many `medallion verify` finds; how fast it reads 1 GB; what readers skip.

The lakehouse is made of the samples: exports, Bronze, Silver, Gold, and the rows of the runs that made them. Each
damage is planted in a fresh copy and looked for; a sound one must have no finding. The seed chooses the places.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.damages import BRONZE, DAMAGES, UNLIMITED, Damage, Planted, data_files, flips_in_files
from benchmarks.measuring import CATALOG, Line, report
from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.operations.tables.every import every_table
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, ENRICHMENT, LIFETIME_VALUE
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets_tests.pipeline import declared

SEED = 7
FLIPS, FLIPS_AT_ONCE = 300, 30
FIRST_DAY, DAYS = date(2025, 1, 2), 20
SHOP = {"seed": SEED, "transactions": 4_000, "customers": 200, "days": DAYS, "first_day": FIRST_DAY}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LARGE_FILES, LARGE_ROWS = 64, 250_000
SCRUB_SECONDS = 5.0
LARGE = Table(
    name="silver.scrub_large",
    description="numbers that do not compress",
    columns=tuple(Column(f"n{number}", Integer(), "a number") for number in range(8)),
)
SEARCHED = Table(
    name="silver.scrub_searched",
    description="keys in order, one stretch of them a file",
    columns=(Column("key", Text(), "the key"), Column("number", Integer(), "a number")),
)
SEARCHED_FILES, SEARCHED_ROWS = 100, 50_000


def make_lakehouse(folder: Path) -> Lakehouse:
    """The samples, up to Gold; the day's sales and lifetime values twice, so that every table has a past."""
    lakehouse, raw = (
        Lakehouse(catalog=CATALOG, url=str(folder / "lakehouse"), author={"command": "benchmark"}),
        str(folder / "raw"),
    )
    write_demo_history(raw, **SHOP)  # type: ignore[arg-type]
    for table in CATALOG.loaded_tables:
        ingest(lakehouse, raw, declared(table), now=NOW)
        refine(lakehouse, declared(table), now=NOW)
    update_derived(lakehouse, ENRICHMENT)
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    for stretch in (days[:-3], days[-3:]):
        build(lakehouse, DAILY_SALES, stretch)
        build(lakehouse, LIFETIME_VALUE, stretch[-1:])
    record_attempts(lakehouse, [_attempt(table, lakehouse.open(table).version) for table in _made(lakehouse)])
    return lakehouse


def _made(lakehouse: Lakehouse) -> list[Table]:
    return [
        table
        for table in every_table(CATALOG)
        if table.layer in ("bronze", "silver", "gold") and lakehouse.exists(table)
    ]


def _attempt(table: Table, version: int) -> StageAttempt:
    return StageAttempt(
        run_id="r1",
        stage=table.name,
        attempt=1,
        started_at=NOW,
        duration_seconds=1.0,
        outcome=Outcome.SUCCEEDED,
        table_version=version,
    )


def run(
    tell: Callable[[str], None] = lambda _: None,
    *,
    seed: int = SEED,
    times: int | None = None,
    large_rows: int = LARGE_ROWS,
) -> list[Line]:
    """Plant everything and look, each damage so many `times`; then scrub files of so many rows, and search one key."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="medallion-scrub-") as name:
        folder = Path(name)
        tell("scrub: making a lakehouse")
        sound = make_lakehouse(folder)
        files = len(data_files(sound))
        for digests in (False, True):
            began = time.perf_counter()
            findings = verify(sound, digests=digests).findings
            seconds = time.perf_counter() - began
            what = f"sound lakehouse of {files} files{', every byte' if digests else ''}"
            lines.append(Line("scrub", f"{what}: findings", len(findings), "", at_most=0))
            lines.append(Line("scrub", f"{what}: wall", seconds, "s"))
        flips = Damage("bit flips in data files", flips_in_files(FLIPS_AT_ONCE), True, FLIPS // FLIPS_AT_ONCE)
        for damage in (
            flips,
            *DAMAGES,
            *UNLIMITED,
            Damage("Bronze made again, each table", _bronze_made_again(folder / "raw"), times=1),
        ):
            planted, found = 0, 0
            rounds = damage.times if times is None else times
            for number in range(rounds):
                tell(f"scrub: {damage.what}, {number + 1} of {rounds}")
                counts = _plant(sound, damage, Random(f"{seed} {damage.what} {number}"))
                planted, found = planted + counts[0], found + counts[1]
            limit = None if damage in UNLIMITED else planted
            lines.append(Line("scrub", f"{damage.what}: found", found, f"of {planted}", at_least=limit))
        lines += _large(folder, tell, large_rows)
        lines += _searched(folder, tell)
    return lines


def _plant(sound: Lakehouse, damage: Damage, random: Random) -> tuple[int, int]:
    """How much was planted in a copy, and how much of it was named."""
    with tempfile.TemporaryDirectory(prefix="medallion-scrub-copy-") as folder:
        copy = Lakehouse(catalog=CATALOG, url=f"{folder}/lakehouse")
        shutil.copytree(sound.url, copy.url)
        planted = damage.plant(copy, random)
        findings = verify(copy, digests=damage.digests).findings
        named = {Planted(finding.table, finding.file) for finding in findings}
        tables = {finding.table for finding in findings}
        return len(planted), sum(spot in named if spot.file else spot.table in tables for spot in planted)


def _bronze_made_again(raw: Path) -> Callable[[Lakehouse, Random], list[Planted]]:
    """From the same exports: Silver was made of another table, and is what has to be named."""

    def plant(lakehouse: Lakehouse, _: Random) -> list[Planted]:
        for table, bronze in zip(CATALOG.loaded_tables, BRONZE, strict=True):
            shutil.rmtree(lakehouse.uri(bronze))
            ingest(lakehouse, str(raw), declared(table), now=NOW)
        return [Planted(table.name) for table in CATALOG.loaded_tables]

    return plant


def _large(folder: Path, tell: Callable[[str], None], file_rows: int) -> Iterator[Line]:
    lakehouse = Lakehouse(catalog=CATALOG, url=str(folder / "large"))
    tell("scrub: writing a large table")
    snapshot = lakehouse.ready(LARGE)
    written = []
    for number in range(LARGE_FILES):
        rows = pl.int_range(number * file_rows, (number + 1) * file_rows, eager=True)
        columns = [rows.hash(seed).reinterpret(signed=True).alias(name) for seed, name in enumerate(LARGE.column_names)]
        written.append(snapshot.folder.write(pl.DataFrame(columns).lazy()))
    snapshot.commit(written)
    tell("scrub: reading it")
    began = time.perf_counter()
    findings = verify(lakehouse, digests=True).findings
    seconds = time.perf_counter() - began
    if found := [finding for finding in findings if finding.table == LARGE.name]:
        raise SystemExit(f"scrub: {found[0]}")
    size = sum(file.size for file in written) / 1e9
    yield Line("scrub", f"{size:.2f} GB, every byte: wall for 1 GB", seconds / size, "s", at_most=SCRUB_SECONDS)
    shutil.rmtree(lakehouse.url)


def _searched(folder: Path, tell: Callable[[str], None]) -> Iterator[Line]:
    """One key, asked for by Polars' Delta reader: every file that cannot hold it is out of reach meanwhile."""
    lakehouse = Lakehouse(catalog=CATALOG, url=str(folder / "searched"))
    tell("scrub: searching one key")
    snapshot = lakehouse.ready(SEARCHED)
    written = []
    for number in range(SEARCHED_FILES):
        rows = pl.int_range(number * SEARCHED_ROWS, (number + 1) * SEARCHED_ROWS, eager=True).alias("number")
        frame = pl.select(pl.format("T-{}", rows.cast(pl.String).str.zfill(10)).alias("key"), rows)
        written.append(snapshot.folder.write(frame.lazy()))
    snapshot.commit(written)
    uri, key = lakehouse.uri(SEARCHED), "T-0000123456"
    for path in Path(uri).glob("*.parquet"):
        bounds = next(file.bounds["key"] for file in written if file.path == path.name)
        if not bounds[0] <= key <= bounds[1]:
            path.rename(path.with_suffix(".away"))
    began = time.perf_counter()
    found = pl.scan_delta(uri).filter(pl.col("key") == key).collect().height
    seconds = time.perf_counter() - began
    read = len(list(Path(uri).glob("*.parquet")))
    assert found == 1
    yield Line("scrub", f"one key of {SEARCHED_FILES} files, Polars scan_delta: files read", read, "", at_most=1)
    yield Line("scrub", "the same: wall", seconds, "s")


def main(
    seed: Annotated[int, typer.Option(help="The same seed plants in the same places.")] = SEED,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plant damages, and see whether each is found; some minutes."""
    with Console(stderr=True).status("") as status:
        lines = run(tell=status.update, seed=seed)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

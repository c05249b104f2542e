"""A tick of the file-arrival sensor where 100,000 exports are known.

The exports lie in a local folder and are in Bronze, whose log is one checkpoint; one more has just landed. What is
timed is everything a tick does but Dagster's own part: opening, listing, deciding; the best of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.measuring import CATALOG, Line, made_once, report
from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.source import Found
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.notes.source_versions import source_app_id
from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.sensors.arrival import KnownBatches, look
from medallion_assets.orchestration.sensors.watching import watch_bronze
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table
from medallion_assets.sources.dynamodb_export.manifest import ROOT, SUMMARY_NAME
from medallion_assets.triggers.asking import Asking
from medallion_assets.triggers.file_arrival import ArrivalCursor, evaluate
from medallion_assets.triggers.table_update import Watched
from medallion_assets_tests.pipeline import declared

EXPORTS = 100_000
A_COMMIT = 10_000
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = bronze_table(CUSTOMER_TRANSACTIONS.short_name)
FILES = ("_started", "manifest-files.json", "manifest-files.md5", SUMMARY_NAME, "manifest-summary.md5")


def export_id(number: int) -> str:
    """Exports begin a minute apart."""
    return f"0{int((FIRST + timedelta(minutes=number)).timestamp() * 1000)}-{number:08x}"


def land(raw: Path, number: int) -> None:
    """The files of one export, empty: a sensor does not read them."""
    folder = raw / TABLE.short_name / ROOT / export_id(number)
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    data = raw / TABLE.short_name / ROOT / "data"
    data.mkdir(exist_ok=True)
    (data / f"{number:08x}.json.gz").touch()


def written(number: int) -> WrittenFile:
    """The file of one export as the log has it; nobody reads it here."""
    begin = FIRST + timedelta(minutes=number)
    facts = (export_id(number), BatchKind.CHANGES.value, begin, begin + timedelta(minutes=1))
    return WrittenFile(
        path=f"_export_date={begin.date()}/part-{number:032x}.parquet",
        size=1_000,
        rows=10,
        partition=str(begin.date()),
        bounds={name: (fact, fact) for name, fact in zip(LEDGER_BOUNDS, facts, strict=True)},
    )


def prepare(place: Path, total: int) -> None:
    """Exports in a folder and, all but the last, in Bronze; Silver has settled them."""
    for number in range(total + 1):
        land(place / "raw", number)
    lakehouse = Lakehouse(catalog=CATALOG, url=str(place / "lake"))
    for start in range(0, total, A_COMMIT):
        numbers = range(start, min(start + A_COMMIT, total))
        transactions = {export_id(number): 1 for number in numbers}
        lakehouse.ready(TABLE).commit([written(number) for number in numbers], transactions=transactions)
    bronze = lakehouse.open(TABLE)
    bronze.delta.create_checkpoint()
    lakehouse.ready(CUSTOMER_TRANSACTIONS).commit(transactions={source_app_id(bronze): bronze.version})


def tick(place: Path, cursor: ArrivalCursor, now: datetime) -> Asking[ArrivalCursor, Found]:
    """What the sensor does in a tick."""
    known = KnownBatches(Lakehouse(catalog=CATALOG, url=str(place / "lake")), declared(CUSTOMER_TRANSACTIONS))
    return evaluate(now, cursor, look(known, str(place / "raw"), cursor, now), AT_ONCE)


def run(total: int = EXPORTS, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """How long ticks take: the first, one that lists what is new, and Silver's, which has nothing to do."""

    def make(place: Path) -> None:
        tell(f"landing {total:,} exports (kept in .cache)")
        prepare(place, total)

    place = made_once(f"trigger-tick-{total}", make)
    tell("ticking")
    everything, after = ArrivalCursor(), tick(place, ArrivalCursor(), NOW).cursor
    later = NOW + timedelta(seconds=5)
    cases: dict[str, Callable[[], int]] = {
        "everything is listed": lambda: len(tick(place, everything, NOW).wanted),
        "what is new is listed": lambda: len(tick(place, after, later).wanted),
        "Silver has settled them all": lambda: sum(table.is_updated for table in watched(place)),
    }
    lines = []
    for what, work in cases.items():
        seconds, found = min(_timed(work) for _ in range(3))
        assert found == (0 if "Silver" in what else 1)
        lines.append(Line("trigger tick", f"{total:,} known exports, {what}", seconds, "s", 1.0))
    return lines


def watched(place: Path) -> list[Watched]:
    """What the sensor of Silver looks at in a tick."""
    return watch_bronze(Lakehouse(catalog=CATALOG, url=str(place / "lake")), declared(CUSTOMER_TRANSACTIONS))


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def main(exports: int = EXPORTS, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(exports, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

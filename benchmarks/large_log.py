"""What a log that names very many data files costs whoever opens it, plans on it, commits to it or only looks at it.

The table is Silver's, its files are in the log alone: a checkpoint names them all, and some commits follow. Every step
runs in a process of its own, on a disk and on an S3 server, whose requests are counted.

Belongs here: time, memory and requests of the driver, by the number of files.
Does not: reading or writing data files (benchmarks.scale).
"""

from __future__ import annotations

import json as json_format
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.measuring import CATALOG, Cost, made_once, measure
from medallion_assets.delta.files.data_files import LOG_FOLDER, WrittenFile
from medallion_assets.delta.notes.source_versions import SourceVersion, source_app_id, source_commits
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.operations.status import read_status
from medallion_assets.orchestration.sensors.watching import watch_bronze
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.services.processes import ServiceMissingError
from medallion_assets_tests.services.s3 import s3_program, s3_server

TABLE = CUSTOMER_TRANSACTIONS
BRONZE = bronze_table(TABLE.short_name)
FILES = (10_000, 100_000, 1_000_000)
DAYS = 1_000
LATER_COMMITS = 20
TOUCHED = 3
PENDING = 20
FIRST, NOW = date(2023, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)
ROWS, BYTES = 100_000, 5_000_000
"""Of a file, as the log has it."""
WIDTH = 140
"""Of the table where no terminal says it."""

Options = Mapping[str, str]
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a step cost; `requests` by kind, on S3 alone."""

    files: int
    step: str
    cost: Cost
    requests: Mapping[str, int] = field(default_factory=dict)


def written(number: int, day: date) -> WrittenFile:
    """A file as the log has it; nobody reads it here."""
    sequence = 1_700_000_000_000_000 + number
    return WrittenFile(
        path=f"{TABLE.partition_by}={day}/part-{number:032x}.parquet",
        size=BYTES,
        rows=ROWS,
        partition=str(day),
        bounds={"_sequence_micros": (sequence, sequence + 1)},
        digest=f"{number:064x}",
    )


def touched() -> list[date]:
    """The days that a batch changes: the last ones."""
    return [FIRST + timedelta(days=DAYS - 1 - back) for back in range(TOUCHED)]


def prepare(place: Path, files: int) -> None:
    """The log: a checkpoint that names the files, and commits after it that each replace a file of the last day."""
    lakehouse = Lakehouse(catalog=CATALOG, url=str(place))
    lakehouse.create(BRONZE)
    bronze, last = lakehouse.open(BRONZE), touched()[0]
    lakehouse.ready(TABLE).commit([written(number, FIRST + timedelta(days=number)) for number in range(DAYS)])
    lakehouse.open(TABLE).delta.create_checkpoint()
    for number in range(files, files + LATER_COMMITS):
        silver = lakehouse.open(TABLE)
        gone = silver.partition_files([last])["path"].to_list()[:1]
        silver.commit(
            [written(number, last)],
            remove=gone,
            transactions={source_app_id(bronze): bronze.version},
            metadata=source_commits(SourceVersion.of(bronze)),
        )
    _enlarge(place / TABLE.path / LOG_FOLDER, files)


def _enlarge(log: Path, files: int) -> None:
    """Let the checkpoint name so many files, for commits of a million take very long; other files like its own."""
    import pyarrow as pa
    from pyarrow import parquet

    (place,) = log.glob("*.checkpoint.parquet")
    checkpoint = parquet.read_table(place)
    add = checkpoint["add"].combine_chunks()
    others, few = checkpoint.filter(add.is_null()), checkpoint.filter(add.is_valid())
    add = few["add"].combine_chunks()
    paths, stats = add.field("path").to_pylist(), add.field("stats").to_pylist()
    parts = [checkpoint]
    for start in range(DAYS, files, DAYS):
        made = {
            "path": pa.array([path.replace("part-0", f"part-{start:x}-") for path in paths]),
            "stats": pa.array([text.replace('"0000', f'"{start % 2**32:08x}') for text in stats]),
        }
        arrays = [made.get(part.name, add.field(part.name)) for part in add.type]
        column = few.schema.get_field_index("add")
        like_them = pa.StructArray.from_arrays(arrays, fields=list(add.type))
        parts.append(few.set_column(column, few.schema.field("add"), like_them))
    parquet.write_table(pa.concat_tables(parts), place)
    said = json_format.loads((log / "_last_checkpoint").read_text())
    said |= {"size": files + others.num_rows, "sizeInBytes": place.stat().st_size, "numOfAddFiles": files}
    (log / "_last_checkpoint").write_text(json_format.dumps(said))


def _open(url: str, options: Options) -> Snapshot:
    return Lakehouse(catalog=CATALOG, url=url, storage_options=options).open(TABLE)


def opened(url: str, options: Options) -> None:
    """As every stage begins."""
    _open(url, options)


def planned(url: str, options: Options) -> None:
    """As far as a merge knows which files it replaces."""
    silver = _open(url, options)
    for day in touched():
        silver.part(paths=silver.partition_files([day])["path"])


def committed(url: str, options: Options) -> None:
    """The days in a file each, in place of all that they had."""
    silver = _open(url, options)
    removed = silver.partition_files(touched())["path"].to_list()
    silver.commit([written(10**9 + number, day) for number, day in enumerate(touched())], remove=removed)


def checkpointed(url: str, options: Options) -> None:
    """What delta-rs does by itself after every hundredth commit."""
    _open(url, options).delta.create_checkpoint()


def looked(url: str, options: Options) -> None:
    """What Silver's sensor does in a tick that finds nothing new."""
    watch_bronze(Lakehouse(catalog=CATALOG, url=url, storage_options=options), declared(TABLE))


def pending(url: str, options: Options) -> None:
    """What Silver's ledger asks of each export that came since its checkpoint: whether it is settled all the same."""
    silver = _open(url, options)
    for number in range(PENDING):
        silver.transaction(f"export {number}")


def shown(url: str, options: Options) -> None:
    """What `medallion status` reads."""
    read_status(Lakehouse(catalog=CATALOG, url=url, storage_options=options), NOW)


STEPS: dict[str, Callable[[str, Options], None]] = {
    "open": opened,
    f"plan {TOUCHED} days": planned,
    "a sensor's look": looked,
    f"look up {PENDING} exports": pending,
    "status": shown,
    f"commit {TOUCHED} days": committed,
    "checkpoint": checkpointed,
}


def item_bytes(url: str) -> dict[str, int]:
    """The bytes of what a process of an engine is handed: all files of the table, or those of a day."""
    silver = _open(url, {})
    day = silver.part(paths=silver.partition_files(touched()[:1])["path"])
    return {"all files": len(pickle.dumps(silver.part())), "files of a day": len(pickle.dumps(day))}


def made(files: int, tell: Callable[[str], None]) -> Path:
    """A lakehouse with such a log; made once and kept."""

    def make(place: Path) -> None:
        tell(f"a log of {files:,} files (kept in .cache)")
        _elsewhere(prepare, place, files)

    return made_once(f"large-log-{files}", make)


def _elsewhere(work: Callable[..., Answer], *arguments: object) -> Answer:
    """In a process of its own: what this one has held counts as held by those that it starts."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def on_disk(files: int, tell: Callable[[str], None]) -> Iterator[Step]:
    """Every step on a copy of the log."""
    with tempfile.TemporaryDirectory(prefix="large-log-") as folder:
        shutil.copytree(made(files, tell), folder, dirs_exist_ok=True)
        for name, work in STEPS.items():
            tell(f"{files:,} files: {name}")
            yield Step(files=files, step=name, cost=measure(work, folder, {}))


def on_s3(files: int, tell: Callable[[str], None]) -> Iterator[Step]:
    """Every step on a server that logs its requests."""
    place = made(files, tell)
    with tempfile.TemporaryDirectory(prefix="large-log-") as folder, s3_server(Path(folder)) as server:
        shutil.copytree(place, Path(folder) / "objects" / "bucket" / "lake")
        for name, work in STEPS.items():
            tell(f"{files:,} files on S3: {name}")
            with server.counted() as requests:
                cost = measure(work, "s3://bucket/lake", server.environment)
            yield Step(files=files, step=name, cost=cost, requests=requests)


def printed(steps: Sequence[Step], sizes: Mapping[int, Mapping[str, int]]) -> Printed:
    """The steps as a table for people."""
    table = Printed("files", "step", "where", "wall, s", "CPU, s", "peak, MB", "requests")
    for step in steps:
        cost = [f"{step.cost.wall_seconds:.2f}", f"{step.cost.cpu_seconds:.2f}", f"{step.cost.peak_mb:,.0f}"]
        said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(step.requests.items()))
        table.add_row(f"{step.files:,}", step.step, "S3" if step.requests else "disk", *cost, said)
    for files, kinds in sizes.items():
        for kind, size in kinds.items():
            table.add_row(f"{files:,}", f"an item that names {kind}", "", "", "", f"{size / 2**20:,.1f}", "")
    return table


def main(
    *,
    files: Annotated[list[int] | None, typer.Option(help="Files in the log; may be repeated.")] = None,
    s3: Annotated[bool, typer.Option(help="Count requests on an S3 server too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take every step on every log."""
    try:
        if s3:
            s3_program()
    except ServiceMissingError as missing:
        raise typer.BadParameter(f"{missing}, or leave it out with --no-s3") from missing
    steps, sizes = list[Step](), dict[int, Mapping[str, int]]()
    with Console(stderr=True).status("") as status:
        for count in files or FILES:
            steps += on_disk(count, status.update)
            steps += on_s3(count, status.update) if s3 else ()
            sizes[count] = _elsewhere(item_bytes, str(made(count, status.update)))
    if json:
        print(json_format.dumps({"steps": [asdict(step) for step in steps], "item_bytes": sizes}, indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(printed(steps, sizes))


if __name__ == "__main__":
    typer.run(main)

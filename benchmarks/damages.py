"""Ways to damage a lakehouse, each at a place that a seed chooses, and what a look at it must then name.

Belongs here: doing the damage.
Does not: looking for it, or counting what was found (benchmarks.scrub).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl
from deltalake import DeltaTable

from benchmarks.measuring import CATALOG
from medallion_assets.contracts.table import Column, Integer, Table
from medallion_assets.delta.log.chain import LAST_COMMIT
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.every import every_table
from medallion_assets.refining.bronze import bronze_table

SAME_SIZE = Table(
    name="silver.same_size", description="files of one size", columns=(Column("number", Integer(), "any"),)
)
BRONZE = tuple(bronze_table(table.short_name) for table in CATALOG.loaded_tables)


@dataclass(frozen=True)
class Planted:
    """What must be named: a table, and where one file is damaged that file, below the table's folder."""

    table: str
    file: str | None = None


@dataclass(frozen=True)
class Damage:
    """A way to damage; `times` it is planted, each time in a fresh copy. With `digests` files have to be read."""

    what: str
    plant: Callable[[Lakehouse, Random], list[Planted]]
    digests: bool = False
    times: int = 10


def made_tables(lakehouse: Lakehouse, *layers: str) -> list[Table]:
    """The tables that are there, of some layers."""
    return [table for table in every_table(CATALOG) if table.layer in layers and lakehouse.exists(table)]


def data_files(lakehouse: Lakehouse, *layers: str) -> list[tuple[Table, Path]]:
    """The live data files of some layers' tables."""
    tables = made_tables(lakehouse, *(layers or ("bronze", "silver", "gold")))
    opened = [lakehouse.open(table) for table in tables]
    return [(found.table, Path(found.uri) / path) for found in opened for path in found.files["path"].sort()]


def commits(lakehouse: Lakehouse, table: Table) -> list[Path]:
    """The commit files of a table, the first one first."""
    return sorted((Path(lakehouse.uri(table)) / "_delta_log").glob("*.json"))


def flip(path: Path, random: Random) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def named(lakehouse: Lakehouse, table: Table, path: Path) -> Planted:
    """A file of a table, as findings name it."""
    return Planted(table.name, path.relative_to(lakehouse.uri(table)).as_posix())


def flips_in_files(count: int) -> Callable[[Lakehouse, Random], list[Planted]]:
    """One bit in each of so many data files of Bronze, Silver and Gold."""

    def plant(lakehouse: Lakehouse, random: Random) -> list[Planted]:
        chosen = random.sample(data_files(lakehouse), count)
        for _, path in chosen:
            flip(path, random)
        return [named(lakehouse, table, path) for table, path in chosen]

    return plant


def _on_a_file(change: Callable[[Path, Random], None]) -> Callable[[Lakehouse, Random], list[Planted]]:
    def plant(lakehouse: Lakehouse, random: Random) -> list[Planted]:
        table, path = random.choice(data_files(lakehouse))
        change(path, random)
        return [named(lakehouse, table, path)]

    return plant


def _on_a_commit(change: Callable[[Path, Random], None]) -> Callable[[Lakehouse, Random], list[Planted]]:
    def plant(lakehouse: Lakehouse, random: Random) -> list[Planted]:
        table = random.choice(made_tables(lakehouse, "bronze", "silver", "gold", "quarantine"))
        path = random.choice(commits(lakehouse, table))
        change(path, random)
        return [named(lakehouse, table, path)]

    return plant


def _empty(path: Path, _: Random) -> None:
    path.write_bytes(b"")


def _truncate(path: Path, random: Random) -> None:
    path.write_bytes(path.read_bytes()[: -random.randrange(1, 200)])


def _remove(path: Path, _: Random) -> None:
    path.unlink()


def _change_a_number(path: Path, random: Random) -> None:
    """A digit of the commit becomes another: it stays a commit."""
    data = bytearray(path.read_bytes())
    digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()]
    at = random.choice(digits)
    data[at] = ord(str((int(chr(data[at])) + random.randrange(1, 10)) % 10))
    path.write_bytes(data)


def _lose_last_commits(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    table = random.choice(made_tables(lakehouse, "bronze", "silver", "gold", "quarantine"))
    paths = commits(lakehouse, table)[1:]
    for path in paths[-random.randrange(1, min(3, len(paths)) + 1) :]:
        path.unlink()
    return [Planted(table.name)]


def _a_strangers_file(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    (table, path), (_, other) = random.sample(data_files(lakehouse), 2)
    stranger = path.with_name(f"part-{random.randrange(10**5):05}-of-somebody-else.snappy.parquet")
    shutil.copy(other, stranger)
    return [named(lakehouse, table, stranger)]


def _another_tables_file(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    table, path = random.choice(data_files(lakehouse, "silver"))
    _, other = random.choice(data_files(lakehouse, "gold"))
    shutil.copy(other, path.parent / other.name)
    return [named(lakehouse, table, path.parent / other.name)]


def _swap_files(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    """Two files of one size in a table of files that differ in nothing but their numbers."""
    rows = [pl.int_range(number, number + 100, eager=True).hash(7).reinterpret(signed=True) for number in range(8)]
    snapshot = lakehouse.ready(SAME_SIZE)
    written = [snapshot.folder.write(pl.DataFrame({"number": each}).lazy()) for each in rows]
    snapshot.commit(written)
    one, other = (Path(snapshot.uri) / file.path for file in random.sample(written, 2))
    first, second = one.read_bytes(), other.read_bytes()
    assert len(first) == len(second)
    one.write_bytes(second)
    other.write_bytes(first)
    return [named(lakehouse, SAME_SIZE, one), named(lakehouse, SAME_SIZE, other)]


def _restore(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    """Delta's own way back, of a table with at least one commit of data."""
    table = random.choice(made_tables(lakehouse, "bronze", "silver", "gold", "quarantine"))
    delta = DeltaTable(lakehouse.uri(table))
    delta.restore(random.randrange(delta.version()))
    return [Planted(table.name)]


def _older_copy(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    """The whole folder as it was some commits ago, with the file that names its last commit."""
    table = random.choice([*BRONZE, *made_tables(lakehouse, "silver", "gold")])
    if table.name.endswith("_events"):
        table = random.choice(BRONZE)
    paths = commits(lakehouse, table)
    kept = random.randrange(1, len(paths))
    for path in paths[kept:]:
        path.unlink()
    marker = Path(lakehouse.uri(table)) / LAST_COMMIT
    marker.unlink()
    replay = Replayed()
    for version, path in enumerate(paths[:kept]):
        replay.apply(version, [json.loads(line) for line in path.read_text().splitlines()])
    for path in Path(lakehouse.uri(table)).rglob("*.parquet"):
        if path.relative_to(lakehouse.uri(table)).as_posix() not in replay.named:
            path.unlink()
    return [Planted(table.name)]


def _swap_tables(lakehouse: Lakehouse, _: Random) -> list[Planted]:
    one, other = (Path(lakehouse.uri(table)) for table in BRONZE)
    one.rename(one.with_name("kept"))
    other.rename(one)
    one.with_name("kept").rename(other)
    return [Planted(table.name) for table in BRONZE]


def _flip_a_checkpoint(lakehouse: Lakehouse, random: Random) -> list[Planted]:
    table = random.choice(made_tables(lakehouse, "bronze", "silver"))
    DeltaTable(lakehouse.uri(table)).create_checkpoint()
    (path,) = (Path(lakehouse.uri(table)) / "_delta_log").glob("*.checkpoint.parquet")
    flip(path, random)
    return [Planted(table.name)]


DAMAGES = (
    Damage("0-byte data files", _on_a_file(_empty)),
    Damage("truncated data files", _on_a_file(_truncate)),
    Damage("missing data files", _on_a_file(_remove)),
    Damage("a stranger's file in a table's folder", _a_strangers_file),
    Damage("a file of another table in a table's folder", _another_tables_file),
    Damage("two files of one size swapped, each file", _swap_files, digests=True),
    Damage("0-byte commits", _on_a_commit(_empty)),
    Damage("truncated commits", _on_a_commit(_truncate)),
    Damage("missing commits", _on_a_commit(_remove)),
    Damage("the last 1 to 3 commits missing", _lose_last_commits),
    Damage("bit flips in commits", _on_a_commit(flip), times=100),
    Damage("another digit in commits, which stay valid", _on_a_commit(_change_a_number), times=50),
    Damage("restored to an older version", _restore, times=20),
    Damage("a folder replaced by an older copy", _older_copy, times=20),
    Damage("two Bronze tables swapped, each table", _swap_tables, times=1),
)
UNLIMITED = (Damage("bit flips in checkpoints", _flip_a_checkpoint, times=50),)
"""What is not promised: a checkpoint has bytes that say nothing."""

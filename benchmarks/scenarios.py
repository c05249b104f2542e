"""In which ways the exports of a busy table reach a lakehouse.

Belongs here: the table, its exports, and what is delivered when.
Does not: who loads them (correctness.py), or how an export is taken (medallion_assets_tests.oracle.real_table).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from benchmarks.peers.deliveries import Delivery
from medallion_assets.pipelines.transactions.samples.places import exports_of
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput
from medallion_assets_tests.oracle.real_strategies import SHORTEST_WINDOW, Plan, RealHistory, Recipe

AGAIN = "again"
"""Where an export that is delivered twice lies the second time."""


@dataclass(frozen=True)
class Landing:
    """An export that is delivered; a `broken` one lacks the second half of its last data file, cut at a line's end."""

    export: ExportInput
    prefix: str = ""
    broken: bool = False

    @property
    def mended(self) -> Landing:
        """The same export, whole."""
        return replace(self, broken=False)

    def land(self, root: Path) -> Delivery:
        """Write it below a folder, byte for byte as DynamoDB does."""
        export = self.export
        written = write_export(
            exports_of(str(root), export.table),
            table_name=export.table,
            export_type=ExportType(export.export_type),
            from_at=export.from_at,
            to_at=export.to_at,
            files=export.files,
            prefix=self.prefix,
        )
        delivery = Delivery(root / export.table, self.prefix, written.export_id, export.is_full)
        if self.broken:
            last = Path(delivery.data_files[-1])
            lines = gzip.decompress(last.read_bytes()).splitlines(keepends=True)
            last.write_bytes(gzip.compress(b"".join(lines[: len(lines) // 2])))
        return delivery


Deliver = Callable[[RealHistory], list[Landing]]


def history(*, windows: int, every_seconds: float, seed: int, longest_lag: timedelta = timedelta()) -> RealHistory:
    """A table of transactions, a full export, and windows that join up with it.

    An item that is deleted has lived longer than a window: what is created and deleted within one is in no record, so
    no reader of exports could know of it.
    """
    ends = tuple(SHORTEST_WINDOW * (number + 1) for number in range(windows))
    plan = Plan(begin=0, ends=ends, fulls=(60,))
    life = timedelta(seconds=SHORTEST_WINDOW + 60)
    every = timedelta(seconds=every_seconds)
    return Recipe(TRANSACTIONS, seed, plan, every, shortest_life=life, longest_lag=longest_lag).history()


def in_order(taken: RealHistory) -> list[Landing]:
    """The full export, then the windows as they were taken."""
    return [Landing(taken.newest_full), *map(Landing, taken.windows)]


def out_of_order(taken: RealHistory) -> list[Landing]:
    """The full export, then the windows as it happens."""
    full, *windows = in_order(taken)
    shuffled = Random(3).sample(windows, len(windows))
    return [full, *(shuffled if shuffled != windows else reversed(windows))]


def empty_file_first(taken: RealHistory) -> list[Landing]:
    """In order; of every window the first data file has no line."""

    def with_empty(export: ExportInput) -> ExportInput:
        return replace(export, files=((), *export.files), file_names=("0", *export.file_names))

    full, *windows = in_order(taken)
    return [full, *(replace(window, export=with_empty(window.export)) for window in windows)]


def replayed(taken: RealHistory) -> list[Landing]:
    """In order; in the end the second window is delivered once more."""
    landings = in_order(taken)
    return [*landings, replace(landings[2], prefix=AGAIN)]


def broken_file(taken: RealHistory) -> list[Landing]:
    """In order; a file of the second window lost its second half on the way.

    Whoever says so gets it whole in the end.
    """
    landings = in_order(taken)
    landings[2] = replace(landings[2], broken=True)
    return landings


DELIVERIES: dict[str, Deliver] = {
    "in order": in_order,
    "out of order": out_of_order,
    "empty file first": empty_file_first,
    "a window twice": replayed,
    "a file cut short": broken_file,
}
LATE = "late writes, in order"
"""One more: some writes come from replicas of the table, up to half an hour after they were made.

An incremental export tells what came into the table of its region within its window. That some of it was written
earlier, elsewhere, shows in its write time alone, so write times may lie before the window.
"""
LONGEST_LAG = timedelta(minutes=30)


@dataclass(frozen=True)
class Scenario:
    """A history, and in which way its exports reach a lakehouse."""

    name: str
    seed: int
    history: RealHistory
    landings: list[Landing]


def scenarios(*, windows: int, every_seconds: float, seed: int) -> Iterator[Scenario]:
    """All of one seed."""
    prompt = history(windows=windows, every_seconds=every_seconds, seed=seed)
    for name, deliver in DELIVERIES.items():
        yield Scenario(name, seed, prompt, deliver(prompt))
    late = history(windows=windows, every_seconds=every_seconds, seed=seed, longest_lag=LONGEST_LAG)
    yield Scenario(LATE, seed, late, in_order(late))

"""A full export through Bronze and Silver, beside the floor: the same files into one parquet file, nothing checked.

Then the same items once more, over the table that they made; and items whose attributes are spelled in several orders.
Every thousandth item is there twice, so that settling duplicates is in the figures.
What is compared with the floor is measured several times, like the floor itself, and the least counts: anything else
that the machine does makes it more, never less.
"""

from __future__ import annotations

import json as json_format
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated
from unittest.mock import patch

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import CATALOG, Cost, Line, cached, made_once, measure, report
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.exports import write_sample
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.any_order import AnyOrder
from medallion_assets.sources.dynamodb_export.lines import SAMPLED_LINES, Spelling
from medallion_assets.sources.dynamodb_export.manifest import ExportType, compact_json
from medallion_assets.sources.dynamodb_export.record import Attribute, unknown_names
from medallion_assets.sources.dynamodb_export.templates import MOST_TEMPLATES, Templates
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import declared

TABLE = CUSTOMER_TRANSACTIONS.short_name
RECORDS = 2_000_000
FILES = 8
TIMES_LARGER = 4
ROUNDS = 3
SHARE = 4
"""Layouts and repeated lines are compared on a quarter of the records."""
LAYOUTS = (5, 50, 500)
TWICE_EVERY = 1_000
"""Of the lines of a data file: duplicates of a key, which settling them is measured by."""
FIRST = datetime(2025, 4, 1, tzinfo=UTC)
AGAIN = datetime(2025, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BRONZE_AT_MOST = 2.0
BOTH_AT_MOST = 5.0
AGAIN_AT_MOST = 7.0
DECODED_AT_MOST = 1.05
"""However many layouts there are: looking for templates does no harm where there are none to find."""
FEW_LAYOUTS_AT_MOST = 1.5
REPEATED_AT_MOST = 3.0
"""Twice as many lines, each of which is a suspect."""
PEAK_MB_AT_MOST = 900.0
GROWTH_AT_MOST = 1.3


def sample(records: int, files: int) -> str:
    """The URL of a raw root with one full export, each item once; written once and kept."""

    def make(url: Path) -> None:
        write_sample(str(url), table=TABLE, items=records, kind="full", seed=1, bad_share=0.001, data_files=files)

    return str(made_once(f"raw-{records}-{files}", make))


def full_export(
    records: int, files: int, *, at: datetime = FIRST, layouts: int = 1, twice_every: int = TWICE_EVERY
) -> str:
    """The items of a sample in an export of `at`, some of them twice, their attributes in so many orders; kept too."""

    def make(url: Path) -> None:
        write_export(
            open_store(f"{url}/{TABLE}"),
            table_name=TABLE,
            export_type=ExportType.FULL,
            from_at=at,
            to_at=at,
            files=map(partial(_lines, layouts=layouts, twice_every=twice_every), _data_files(sample(records, files))),
            gzip_level=1,
        )

    return str(made_once(f"raw-{records}-{files}-{twice_every}-twice-{at:%Y-%m}-{layouts}", make))


def _data_files(raw: str) -> Sequence[Path]:
    return sorted(Path(raw).glob(f"{TABLE}/**/data/*.gz"))


def _lines(file: Path, *, layouts: int, twice_every: int) -> Iterator[str]:
    for number, line in enumerate(pl.scan_lines(file, name="raw", glob=False).collect()["raw"]):
        written = _in_order(line, number % layouts) if number % layouts else line
        yield written
        if number % twice_every == 0:
            yield written


def _in_order(line: str, number: int) -> str:
    """An item with its attributes in the order of that number; a bad line as it is."""
    try:
        attributes = list(json_format.loads(line)["Item"].items())
    except (ValueError, KeyError):
        return line
    Random(number).shuffle(attributes)
    return compact_json({"Item": dict(attributes)}).decode()


def floor(raw: str, lake: str) -> None:
    """The lines of the same files as one parquet file."""
    target = Path(lake) / "floor.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_lines(list(_data_files(raw)), glob=False).sink_parquet(target)


def bronze(raw: str, lake: str) -> None:
    """Verify and load the export."""
    done = ingest(Lakehouse(catalog=CATALOG, url=lake), raw, declared(CUSTOMER_TRANSACTIONS), now=NOW)
    if len(done.loaded) != 1:
        raise SystemExit(f"the export was not loaded: {done.refused}")


def silver(raw: str, lake: str) -> None:
    """Judge and publish it."""
    del raw
    done = refine(Lakehouse(catalog=CATALOG, url=lake), declared(CUSTOMER_TRANSACTIONS), now=NOW)
    if len(done.applied) != 1:
        raise SystemExit(f"the export was not applied: {done.failing}")


def silver_decoded(raw: str, lake: str) -> None:
    """The same where no line is read by a template: all of them by `json_decode`, as if none had been learnt."""

    def nothing_learnt(lines: pl.Series, attributes: Sequence[Attribute]) -> Spelling:
        unknown = sorted(unknown_names(lines.head(SAMPLED_LINES), attributes))
        return Spelling(Templates([], attributes), AnyOrder([], attributes), unknown)

    with patch.object(Spelling, "learnt", nothing_learnt):
        silver(raw, lake)


class Stages:
    """The cost of some stages, one after the other, in a lakehouse of their own."""

    def __init__(self, tell: Callable[[str], None], records: int) -> None:
        self.lake = cached("throughput-lake")
        shutil.rmtree(self.lake, ignore_errors=True)
        self._tell = tell
        self._records = records

    def floor(self, raw: str) -> Cost:
        """Reading and writing, and nothing else."""
        return self._measure(floor, raw)

    def both(self, raw: str) -> tuple[Cost, Cost]:
        """Bronze, and Silver after it."""
        return self._measure(bronze, raw), self._measure(silver, raw)

    def decoded(self, raw: str) -> Cost:
        """Silver without templates, after Bronze."""
        self._measure(bronze, raw)
        return self._measure(silver_decoded, raw)

    def _measure(self, stage: Callable[[str, str], None], raw: str) -> Cost:
        self._tell(f"{stage.__name__} of {self._records:,} records")
        return measure(stage, raw, str(self.lake))


def run(records: int = RECORDS, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """The ratios to the floor, the peak, and how the peak grows with the export."""
    tell(f"writing samples of {records:,} records (kept in .cache)")
    first, second = (full_export(records, FILES, at=at) for at in (FIRST, AGAIN))
    rounds = [_round(Stages(tell, records), first, second) for _ in range(ROUNDS)]
    least, bronze_cost, silver_cost, *again = map(_least, zip(*rounds, strict=True))
    tell(f"writing a sample of {records * TIMES_LARGER:,} records (kept in .cache)")
    larger = full_export(records * TIMES_LARGER, FILES * TIMES_LARGER)
    large = Stages(tell, records * TIMES_LARGER).both(larger)
    both, peak, peak_large = (bronze_cost, silver_cost), _peak(bronze_cost, silver_cost), _peak(*large)
    name = "throughput"
    return [
        Line(name, f"floor, {records:,} records", least.wall_seconds, "s"),
        Line(name, "floor: CPU", least.cpu_seconds, "s"),
        Line(name, "Bronze / floor", bronze_cost.wall_seconds / least.wall_seconds, "x", BRONZE_AT_MOST),
        Line(name, "Bronze and Silver / floor", _wall(*both) / least.wall_seconds, "x", BOTH_AT_MOST),
        Line(name, "Bronze and Silver / floor: CPU", _cpu(*both) / least.cpu_seconds, "x"),
        Line(name, "the same over a table of this size", _wall(*again) / least.wall_seconds, "x", AGAIN_AT_MOST),
        Line(name, "the same over a table of this size: CPU", _cpu(*again) / least.cpu_seconds, "x"),
        *_of_layouts(records // SHARE, tell),
        *_of_repeats(records // SHARE, tell),
        Line(name, "peak memory", peak, "MB", PEAK_MB_AT_MOST),
        Line(name, "peak memory over a table of this size", _peak(*again), "MB", PEAK_MB_AT_MOST),
        Line(name, f"peak memory, export {TIMES_LARGER} times as large", peak_large, "MB", PEAK_MB_AT_MOST),
        Line(name, "peak, large / small", peak_large / peak, "x", GROWTH_AT_MOST),
    ]


def _round(stages: Stages, first: str, second: str) -> tuple[Cost, ...]:
    """The floor, Bronze and Silver of an empty table, and both of one that holds the same items."""
    return stages.floor(first), *stages.both(first), *stages.both(second)


def _least(costs: Sequence[Cost]) -> Cost:
    """What it takes where nothing else disturbs it, and the most memory that it took."""
    return Cost(
        wall_seconds=min(cost.wall_seconds for cost in costs),
        cpu_seconds=min(cost.cpu_seconds for cost in costs),
        peak_mb=max(cost.peak_mb for cost in costs),
    )


def _of_layouts(records: int, tell: Callable[[str], None]) -> Iterator[Line]:
    """Items in several orders beside items in one: few orders have templates, more are left to the decoder."""
    tell(f"writing samples of {records:,} records in up to {max(LAYOUTS)} layouts (kept in .cache)")
    exports = {layouts: full_export(records, FILES, layouts=layouts) for layouts in (1, *LAYOUTS)}
    costs = {layouts: Stages(tell, records).both(export) for layouts, export in exports.items()}
    for layouts in LAYOUTS:
        what = f"{records:,} records, {layouts} layouts / 1"
        at_most = FEW_LAYOUTS_AT_MOST if layouts <= MOST_TEMPLATES else None
        yield Line("throughput", what, _wall(*costs[layouts]) / _wall(*costs[1]), "x", at_most)
        yield Line("throughput", f"{what}: CPU", _cpu(*costs[layouts]) / _cpu(*costs[1]), "x")
    for layouts, export in exports.items():
        decoded = Stages(tell, records).decoded(export)
        what = f"{records:,} records, {layouts} layout{'s' * (layouts > 1)}: Silver / without templates, CPU"
        yield Line("throughput", what, costs[layouts][1].cpu_seconds / decoded.cpu_seconds, "x", DECODED_AT_MOST)


def _of_repeats(records: int, tell: Callable[[str], None]) -> Iterator[Line]:
    """Every line twice, beside every thousandth."""
    tell(f"writing samples of {records:,} records, each line twice (kept in .cache)")
    some, each = (Stages(tell, records).both(full_export(records, FILES, twice_every=n)) for n in (TWICE_EVERY, 1))
    what = f"{records:,} records, each line twice / every {TWICE_EVERY:,}th"
    yield Line("throughput", what, _wall(*each) / _wall(*some), "x", REPEATED_AT_MOST)


def _wall(*costs: Cost) -> float:
    return sum(cost.wall_seconds for cost in costs)


def _cpu(*costs: Cost) -> float:
    return sum(cost.cpu_seconds for cost in costs)


def _peak(*costs: Cost) -> float:
    return max(cost.peak_mb for cost in costs)


def main(records: int = RECORDS, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(records, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

"""A star of six million order lines: TPC-H at scale 1, from Silver's daily files to a release.

The peer is plain `dbt build` of the same project on a single Parquet file for each table.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.measuring import Line, cached, measure, report
from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.project import Call
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets_tests.deriving.dbt.tpch import generate, plant_tpch

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def run(*, scale: float = 1.0, tell: Callable[[str], object] = lambda _: None) -> list[Line]:
    """Build both; the limits are those for scale 1."""
    folder = cached(f"tpch-{scale:g}")
    silver = folder / "lakehouse"
    if not (folder / "planted").exists():
        tell("star schema: making Silver of TPC-H")
        shutil.rmtree(silver, ignore_errors=True)
        generate(folder, scale)
        measure(_plant, folder, silver)
        (folder / "planted").touch()
    with TemporaryDirectory() as work:
        lakehouse = Path(work) / "lakehouse"
        shutil.copytree(silver, lakehouse)
        tell("star schema: from Silver to a release")
        ours = measure(_refresh, lakehouse)
        tell("star schema: again, with nothing changed")
        again = measure(_refresh, lakehouse)
        tell("star schema: plain dbt build")
        measure(_single_files, lakehouse, Path(work))
        plain = measure(_plain, Path(work))
    what = f"TPC-H scale {scale:g}"
    return [
        Line("star schema", f"{what}, from Silver to a release", ours.wall_seconds, "s"),
        Line("star schema", "plain dbt build on single Parquet files", plain.wall_seconds, "s"),
        Line("star schema", "the first over the second", ours.wall_seconds / plain.wall_seconds, "times", at_most=1.5),
        Line("star schema", "the same in CPU seconds", ours.cpu_seconds / plain.cpu_seconds, "times"),
        Line("star schema", "peak memory of the first", ours.peak_mb, "MB", at_most=1536),
        Line("star schema", "again, with nothing changed", again.wall_seconds, "s"),
    ]


def _plant(folder: Path, silver: Path) -> None:
    plant_tpch(Lakehouse(url=str(silver)), folder)


def _refresh(lakehouse: Path) -> None:
    refresh(Lakehouse(url=str(lakehouse)), STAR, now=NOW).build.expect_passed()


def _single_files(lakehouse: Path, work: Path) -> None:
    for table in STAR.sources:
        Lakehouse(url=str(lakehouse)).open(table).scan().sink_parquet(work / f"{table.short_name}.parquet")


def _plain(work: Path) -> None:
    """What somebody does who has one file a table."""
    call = Call(project=STAR.project, run=work)
    with connect(call.database) as connection:
        connection.execute("create schema silver")
        for table in STAR.sources:
            file = work / f"{table.short_name}.parquet"
            connection.execute(f"create view silver.{table.short_name} as from read_parquet('{file}')")
    result = call.invoke("build", "--store-failures", manifest=call.manifest())
    if not result.success:
        raise SystemExit("plain dbt build failed")


def main(
    scale: Annotated[float, typer.Option(help="Of TPC-H; 1 has six million lines.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """From Silver to a release, beside plain dbt build."""
    report(run(scale=scale), as_json=json)


if __name__ == "__main__":
    typer.run(main)

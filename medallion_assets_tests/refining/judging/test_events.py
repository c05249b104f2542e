"""One event a key wins, in however many parts the events come (rule R3)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medallion_assets.contracts.record_order import LOWEST_ID_WINS
from medallion_assets.engines.aside import Place
from medallion_assets.refining.judging.events import may_hold, winners_in_parts
from medallion_assets_tests.pipeline import default_engine


def part(*events: tuple[str, int, str]) -> pl.LazyFrame:
    return pl.LazyFrame(
        [(key, micros, True, export) for key, micros, export in events],
        schema={"key": pl.String, "_sequence_micros": pl.Int64, "_is_incremental": pl.Boolean, "_export_id": pl.String},
        orient="row",
    )


def won(folder: Path, *parts: pl.LazyFrame) -> list[tuple[str, int, str]]:
    frames = [
        won.collect() for won in winners_in_parts(default_engine(), parts, ["key"], Place(str(folder)), LOWEST_ID_WINS)
    ]
    return sorted(pl.concat(frames).select("key", "_sequence_micros", "_export_id").iter_rows())


def test_a_key_of_two_exports_in_two_parts_is_in_one_afterwards(tmp_path: Path) -> None:
    """Long records of many exports fill several parts; only the one that wins may be applied."""
    parts = part(("a", 1, "x"), ("b", 5, "x")), part(("a", 2, "y"), ("b", 4, "y"))
    assert won(tmp_path, *parts) == [("a", 2, "y"), ("b", 5, "x")]


def test_parts_of_one_export_are_left_as_they_are(tmp_path: Path) -> None:
    """It has one event a key: nothing is read."""
    parts = [part(("a", 1, "x")), part(("b", 1, "x"))]
    assert winners_in_parts(default_engine(), parts, ["key"], Place(str(tmp_path)), LOWEST_ID_WINS) is parts


def test_a_single_part_may_have_several_events_a_key(tmp_path: Path) -> None:
    assert won(tmp_path, part(("a", 1, "x"), ("a", 2, "y"))) == [("a", 2, "y")]


def test_files_may_hold_an_id_that_is_within_their_bounds() -> None:
    """Any one of those wanted: between the least and the greatest of them lies nearly every file."""
    files = pl.DataFrame(
        [("before", "a", "a"), ("at", "b", "b"), ("between", "c", "e"), ("over", "e", "g"), ("unknown", None, None)],
        schema={"path": pl.String, "min._export_id": pl.String, "max._export_id": pl.String},
        orient="row",
    )
    assert may_hold(files, ["f", "b"])["path"].to_list() == ["at", "over", "unknown"]
    assert may_hold(files, [])["path"].to_list() == files["path"].to_list()

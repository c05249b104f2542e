"""One event a key wins, in however many parts the events come (rule R3)."""

from __future__ import annotations

import polars as pl

from medallion_assets.refining.events import winners_in_parts


def part(*events: tuple[str, int, str]) -> pl.LazyFrame:
    return pl.LazyFrame(
        [(key, micros, True, export) for key, micros, export in events],
        schema={"key": pl.String, "_sequence_micros": pl.Int64, "_is_incremental": pl.Boolean, "_export_id": pl.String},
        orient="row",
    )


def won(*parts: pl.LazyFrame) -> list[tuple[str, int, str]]:
    frames = [one.collect() for one in winners_in_parts(parts, ["key"])]
    return sorted(pl.concat(frames).select("key", "_sequence_micros", "_export_id").iter_rows())


def test_a_key_of_two_exports_in_two_parts_is_in_one_afterwards() -> None:
    """Long records of many exports fill several parts; only the one that wins may be applied."""
    assert won(part(("a", 1, "x"), ("b", 5, "x")), part(("a", 2, "y"), ("b", 4, "y"))) == [("a", 2, "y"), ("b", 5, "x")]


def test_parts_of_one_export_are_left_as_they_are() -> None:
    """It has one event a key: nothing is read."""
    parts = [part(("a", 1, "x")), part(("b", 1, "x"))]
    assert all(after is before for after, before in zip(winners_in_parts(parts, ["key"]), parts, strict=True))


def test_a_single_part_may_have_several_events_a_key() -> None:
    assert won(part(("a", 1, "x"), ("a", 2, "y"))) == [("a", 2, "y")]

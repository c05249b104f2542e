"""A full export is the table at a moment; an incremental one the last state of what changed in a window."""

from __future__ import annotations

import polars as pl

from medallion_assets.pipelines.transactions.samples.events import changes_in, lives, picture, table_at

# 1 lives on, 2 is deleted (and changed "after" that), 3 comes and goes between 20 and 30, 4 comes last.
EVENTS = [
    (1, 10, "pending", False),
    (1, 25, "completed", False),
    (1, 26, "refunded", False),
    (2, 11, "completed", False),
    (2, 22, None, True),
    (2, 23, "refunded", False),
    (3, 21, "completed", False),
    (3, 29, None, True),
    (4, 30, "completed", False),
]


def history() -> pl.DataFrame:
    schema = {"index": pl.UInt64, "at_micros": pl.Int64, "status": pl.String, "is_delete": pl.Boolean}
    return lives(pl.DataFrame(EVENTS, schema=schema, orient="row").reverse(), ("status",))


def test_what_comes_after_a_delete_is_left_out() -> None:
    assert history().filter(pl.col("index") == 2)["at_micros"].to_list() == [11, 22]


def test_the_table_at_a_moment_is_what_was_written_before_and_not_deleted() -> None:
    assert table_at(history(), 10).is_empty()
    assert table_at(history(), 22).select("index", "status").sort("index").rows() == [
        (1, "pending"),
        (2, "completed"),
        (3, "completed"),
    ]
    assert table_at(history(), 30).select("index", "status").rows() == [(1, "refunded")]


def test_a_full_export_holds_each_item_as_of_a_moment_of_its_own() -> None:
    """AWS: everything of a minute before, nothing of later than a minute after, and anything in between."""
    minute, items = 60_000_000, 2_000
    at = {"sure": -minute, "early": -minute + 1, "late": minute, "never": minute + 1}
    events = [
        (4 * number + place, moment, "x", False) for number in range(items) for place, moment in enumerate(at.values())
    ]
    schema = {"index": pl.UInt64, "at_micros": pl.Int64, "status": pl.String, "is_delete": pl.Boolean}
    history = lives(pl.DataFrame(events, schema=schema, orient="row"), ("status",))
    held = picture(history, 0, seed=1)["index"]
    counts = [int((held % 4 == place).sum()) for place in range(4)]
    assert counts == [items, items, 0, 0]
    middle = picture(history.with_columns(at_micros=pl.lit(0, dtype=pl.Int64)), 0, seed=1).height
    assert 0.48 < middle / (4 * items) < 0.52
    assert picture(history, 0, seed=1).equals(picture(history, 0, seed=1))


def test_a_window_holds_one_record_a_key_with_its_final_state() -> None:
    """The format's table of changes: insert, update, delete, and nothing for what came and went."""
    changes = changes_in(history(), 20, 30, ("status",)).sort("index")
    assert changes.select("index", "change", "status", "old_status", "written_micros").rows() == [
        (1, "update", "refunded", "pending", 26),
        (2, "delete", "completed", "completed", 22),
    ]


def test_a_window_includes_its_begin_and_excludes_its_end() -> None:
    assert changes_in(history(), 30, 40, ("status",)).select("index", "change").rows() == [(4, "insert")]
    assert changes_in(history(), 27, 29, ("status",)).is_empty()

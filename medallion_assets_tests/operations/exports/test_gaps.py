"""A gap comes with commands that DynamoDB accepts, whatever its length; a stale table with how to see what arrives."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from itertools import pairwise

import pytest

from medallion_assets.operations.exports.gaps import MOST_WINDOWS, close_gap
from medallion_assets.operations.exports.sources import TableSource
from medallion_assets.refining.ledger.chain import Gap
from medallion_assets_tests.operations.dashboard.dashboard_page import HOUR, NOW

ARN = "arn:aws:dynamodb:us-west-2:123456789012:table/t"
SOURCE = TableSource(table="bronze.t", arn=ARN, told_by=None, accepts=())
UNKNOWN = TableSource(table="bronze.t", arn=None, told_by=None, accepts=())
WINDOW = re.compile(r"ExportFromTime=(\S+),ExportToTime=(\S+)")


def closed(length: timedelta | None, source: TableSource | None = SOURCE) -> tuple[str, list[str]]:
    """What to do about a gap so long that ends now, and the commands; with None no chain has begun."""
    gap = Gap(batch_id="e", covered_until=None if length is None else NOW - length, window_from=NOW)
    do, commands = close_gap(source, gap)
    return do, (commands or "").splitlines()


def test_an_hour_is_one_window() -> None:
    do, (command,) = closed(HOUR)
    assert do == "export the missing window, or make a full export"
    assert f"--table-arn {ARN} " in command
    assert WINDOW.findall(command) == [("2026-03-02T11:00:00+00:00", "2026-03-02T12:00:00+00:00")]
    assert len(shlex.split(command)) == 13


def test_three_days_are_three_windows_that_join_up() -> None:
    do, commands = closed(72 * HOUR)
    edges = [f"2026-0{day}T12:00:00+00:00" for day in ("2-27", "2-28", "3-01", "3-02")]
    assert [WINDOW.findall(command) for command in commands] == [[pair] for pair in pairwise(edges)]
    assert do.startswith("export what is missing in 3 windows, each of 24 hours at most")
    assert "more" not in do


def test_of_a_long_gap_the_first_windows_are_written_out() -> None:
    do, commands = closed(30 * 24 * HOUR)
    assert len(commands) == MOST_WINDOWS
    assert do.endswith("the commands are for the first 7, 23 more must follow")


@pytest.mark.parametrize(
    ("length", "words"),
    [(timedelta(minutes=6), "make a full export: the gap is under 15 minutes"), (None, "make a full export")],
    ids=["shorter than any window", "no chain yet"],
)
def test_what_no_window_can_close_takes_a_full_export(length: timedelta | None, words: str) -> None:
    """A longer window would overlap another; what was created there and deleted in only one of them might stay (K1)."""
    do, (command,) = closed(length)
    assert do.startswith(words)
    assert "INCREMENTAL" not in command
    assert f"--table-arn {ARN} " in command


def test_there_is_no_command_where_nothing_says_of_which_table() -> None:
    assert closed(30 * 24 * HOUR, UNKNOWN) == (
        "export what is missing in 30 windows, each of 24 hours at most, or make a full export",
        [],
    )
    assert closed(timedelta(minutes=6), None) == ("deliver the missing window, or a full batch", [])
    assert closed(None, None) == ("deliver a full batch", [])

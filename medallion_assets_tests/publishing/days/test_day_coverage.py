"""How far the sources reached of which a day of Gold is made (rule V3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.delta.notes.coverage_notes import MOST_COMMITS, covered_note, noted_coverage
from medallion_assets.delta.notes.source_versions import SourceVersion
from medallion_assets.delta.replacing.partitions import replace_days
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets.publishing.days.build_log import BuildLog
from medallion_assets_tests.orchestration.sensors.restated_days import plant
from medallion_assets_tests.pipeline import lakehouse_at

DAY = date(2025, 5, 7)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
NOON = datetime(2025, 5, 7, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
BOTH = pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])


def arrives(lakehouse: Lakehouse, until: datetime, **days: str) -> None:
    """More exports are in, whatever they changed (days of May, with the amount sold)."""
    if days:
        plant(lakehouse, {date(2025, 5, int(day.removeprefix("may_"))): amount for day, amount in days.items()})
    lakehouse.open(DAILY_SALES.source).commit(metadata=covered_note(Coverage(until)))


def coverage(lakehouse: Lakehouse, gold: Gold, day: date = DAY) -> Coverage:
    return BuildLog(gold, lakehouse.open(gold.table)).coverage(day)


@BOTH
def test_a_day_reaches_as_far_as_its_source_while_that_has_the_same_rows(tmp_path: Path, gold: Gold) -> None:
    """Exports that changed nothing of it make it surer; once they do, it is as sure as when it was built."""
    lakehouse = lakehouse_at(tmp_path)
    arrives(lakehouse, NOON, may_6="5", may_7="10")
    build(lakehouse, gold, [DAY])
    assert coverage(lakehouse, gold) == Coverage(NOON)
    arrives(lakehouse, LATER)
    assert coverage(lakehouse, gold) == Coverage(LATER)
    arrives(lakehouse, LATER, may_6="6", may_7="10")
    assert coverage(lakehouse, gold) == Coverage(NOON if isinstance(gold, AsOf) else LATER)
    arrives(lakehouse, LATER, may_6="6", may_7="11")
    assert coverage(lakehouse, gold) == Coverage(NOON)
    build(lakehouse, gold, [DAY])
    assert coverage(lakehouse, gold) == Coverage(LATER)


def test_a_day_that_was_never_built_has_none(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    arrives(lakehouse, NOON, may_7="10")
    build(lakehouse, DAILY_SALES, [DAY])
    assert coverage(lakehouse, DAILY_SALES, AFTER) == UNKNOWN


def test_a_day_of_a_release_without_coverage_has_none_until_its_source_says_it(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    gold, source = lakehouse.ready(DAILY_SALES.table), lakehouse.open(DAILY_SALES.source)
    replace_days(gold, [DAY], [], source=SourceVersion.of(source))
    assert coverage(lakehouse, DAILY_SALES) == UNKNOWN
    arrives(lakehouse, NOON)
    assert coverage(lakehouse, DAILY_SALES) == Coverage(NOON)
    plant(lakehouse, {DAY: "11"})
    assert coverage(lakehouse, DAILY_SALES) == UNKNOWN


def test_a_build_that_another_one_overtakes_takes_no_coverage_back(tmp_path: Path) -> None:
    """V3: both begin together; the one of the later day is committed first."""
    lakehouse = lakehouse_at(tmp_path)
    arrives(lakehouse, LATER, may_6="5", may_7="10")
    build(lakehouse, DAILY_SALES, [BEFORE - timedelta(days=1)])

    def overtake(_: str) -> None:
        build(lakehouse, DAILY_SALES, [DAY])

    build(lakehouse, DAILY_SALES, [BEFORE], progress=overtake)
    assert noted_coverage(lakehouse.open(DAILY_SALES.table)) == Coverage(DAILY_SALES.end_of(DAY))


@pytest.mark.slow
def test_what_is_read_grows_with_the_days_and_not_with_their_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of both tables for each day; the latest day first, whose look back is the shortest."""
    lakehouse, built, read = lakehouse_at(tmp_path), list[date](), list[int]()
    history = Snapshot.history

    def counting(snapshot: Snapshot, limit: int) -> list[dict[str, Any]]:
        read.append(limit)
        return history(snapshot, limit)

    def read_of(days: int) -> int:
        while len(built) < days:
            built.insert(0, DAY + timedelta(days=len(built)))
            arrives(lakehouse, NOON)
            source = SourceVersion.of(lakehouse.open(DAILY_SALES.source))
            replace_days(lakehouse.ready(DAILY_SALES.table), built[:1], [], source=source)
        read.clear()
        log = BuildLog(DAILY_SALES, lakehouse.open(DAILY_SALES.table))
        with monkeypatch.context() as patched:
            patched.setattr(Snapshot, "history", counting)
            assert {log.coverage(day) for day in built} == {Coverage(NOON)}
        return sum(read)

    arrives(lakehouse, NOON, may_1="10")
    few = read_of(10)
    assert read_of(40) < 5 * few


@pytest.mark.slow
def test_a_note_is_looked_for_behind_commits_without_one(tmp_path: Path) -> None:
    """Such as those of a redrive; of a table whose commits say nothing few are read."""
    lakehouse = lakehouse_at(tmp_path)
    arrives(lakehouse, NOON, may_7="10")
    for _ in range(15):
        lakehouse.open(DAILY_SALES.source).commit()
    assert noted_coverage(lakehouse.open(DAILY_SALES.source)) == Coverage(NOON)
    for _ in range(MOST_COMMITS):
        lakehouse.open(DAILY_SALES.source).commit()
    assert noted_coverage(lakehouse.open(DAILY_SALES.source)) == UNKNOWN

"""Alerts are kept once, whoever raises them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.recoveries import recoveries
from medallion_assets.operations.tables.alerts import (
    ALERTS,
    KEPT_DAYS,
    TEXT_CHARACTERS,
    Alert,
    open_alerts,
    raise_alerts,
    read_alerts,
    read_events,
)

NOW = datetime(2025, 5, 1, 12, tzinfo=UTC)


def alert(key: str, *, kind: str = "failure", what: str = "Silver failed") -> Alert:
    return Alert(key=key, kind=kind, what=what, where="silver.customers", do="look", run_id="r1", job="refine")


def test_an_alert_is_raised_once_with_all_it_says(empty_lakehouse: Lakehouse) -> None:
    first, second = alert("a"), alert("b", kind="warning")
    assert raise_alerts(empty_lakehouse, [first, second, alert("a", what="later")], NOW) == [first, second]
    assert raise_alerts(empty_lakehouse, [second, first], NOW + timedelta(hours=1)) == []
    assert read_alerts(empty_lakehouse, since=NOW.date()).rows() == [
        ("a", "failure", "Silver failed", "silver.customers", "look", "r1", "refine", None, NOW),
        ("b", "warning", "Silver failed", "silver.customers", "look", "r1", "refine", None, NOW),
    ]


def test_the_same_alert_is_raised_anew_when_it_is_forgotten(empty_lakehouse: Lakehouse) -> None:
    raise_alerts(empty_lakehouse, [alert("a")], NOW)
    assert raise_alerts(empty_lakehouse, [alert("a")], NOW + timedelta(days=KEPT_DAYS)) == []
    assert raise_alerts(empty_lakehouse, [alert("a")], NOW + timedelta(days=KEPT_DAYS + 1)) == [alert("a")]


def drift(lakehouse: Lakehouse, day: int, *, hour: float = 0, goes_on: bool = True) -> list[str]:
    """The keys that are new when the rules look on that day, and a condition is found or not."""
    now, name = NOW + timedelta(days=day, hours=hour), "schema_drift/silver.customers/appeared/coupon"
    about = Alert.about(name, kind="schema_drift", what="a new attribute", where="silver.customers", do="look")
    fresh = raise_alerts(lakehouse, [about] if goes_on else [], now)
    over = recoveries(open_alerts(read_events(lakehouse, now)), {name} if goes_on else ())
    return [alert.key.replace(name, "it") for alert in [*fresh, *raise_alerts(lakehouse, over, now)]]


def test_what_comes_back_after_its_end_is_told_is_told_again(empty_lakehouse: Lakehouse) -> None:
    """Once an occurrence, and so is its end; a second one within the same hour waits for the next."""
    assert [drift(empty_lakehouse, day) for day in (0, 1)] == [["it"], []]
    assert [drift(empty_lakehouse, day, goes_on=False) for day in (8, 9)] == [["recovered/it"], []]
    assert [drift(empty_lakehouse, day) for day in (10, 11)] == [["it/2025-05-11T12"], []]
    assert drift(empty_lakehouse, 11, hour=1, goes_on=False) == ["recovered/it/2025-05-11T12"]
    assert [drift(empty_lakehouse, 12, hour=hour) for hour in (0, 1)] == [["it/2025-05-13T12"], []]
    assert drift(empty_lakehouse, 12, hour=0.5, goes_on=False) == ["recovered/it/2025-05-13T12"]
    assert [drift(empty_lakehouse, 12, hour=hour) for hour in (0.6, 1)] == [[], ["it/2025-05-13T13"]]


def test_an_occurrence_is_told_once_also_when_the_first_is_forgotten(empty_lakehouse: Lakehouse) -> None:
    """And has its end, though that of the first is still known."""
    drift(empty_lakehouse, 0)
    drift(empty_lakehouse, 20, goes_on=False)
    assert drift(empty_lakehouse, KEPT_DAYS - 1) == ["it/2025-05-30T12"]
    assert drift(empty_lakehouse, KEPT_DAYS + 1) == []
    assert drift(empty_lakehouse, KEPT_DAYS + 2, goes_on=False) == ["recovered/it/2025-05-30T12"]
    assert drift(empty_lakehouse, KEPT_DAYS + 3) == ["it/2025-06-03T12"]
    assert drift(empty_lakehouse, KEPT_DAYS + 4, goes_on=False) == ["recovered/it/2025-06-03T12"]


def test_nothing_to_raise_makes_no_table(empty_lakehouse: Lakehouse) -> None:
    assert raise_alerts(empty_lakehouse, [], NOW) == []
    assert read_alerts(empty_lakehouse, since=NOW.date()).is_empty()
    assert not Path(empty_lakehouse.url).exists()


def test_raising_at_once_loses_none_and_tells_each_once(empty_lakehouse: Lakehouse) -> None:
    raise_alerts(empty_lakehouse, [alert("first")], NOW)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: raise_alerts(empty_lakehouse, [alert("same"), alert(f"own {n}")], NOW), range(4)))
    keys = read_alerts(empty_lakehouse, since=NOW.date())["key"].to_list()
    assert sorted(keys) == ["first", "own 0", "own 1", "own 2", "own 3", "same"]


@pytest.mark.parametrize("odd", [{"alert_key": None}, {"happened_at": None}, {"event": "forgotten"}])
def test_an_event_of_another_writer_is_left_out(empty_lakehouse: Lakehouse, odd: dict[str, object]) -> None:
    raise_alerts(empty_lakehouse, [alert("a")], NOW)
    snapshot = empty_lakehouse.open(ALERTS)
    schema = polars_schema(ALERTS)
    rows = snapshot.scan().with_columns(pl.lit(value).cast(schema[name]).alias(name) for name, value in odd.items())
    snapshot.commit([snapshot.folder.write(rows, partition=NOW.date())])
    assert empty_lakehouse.open(ALERTS).row_count == 2
    assert [event.alert_key for event in read_events(empty_lakehouse, NOW)] == ["a"]


def test_a_page_of_text_is_cut(empty_lakehouse: Lakehouse) -> None:
    raise_alerts(empty_lakehouse, [alert("a", what="x" * 9000)], NOW)
    (what,) = read_alerts(empty_lakehouse, since=NOW.date())["what"]
    assert len(what) == TEXT_CHARACTERS
    assert what.endswith("x…")


def test_a_kind_without_channels_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"one of failure, warning, .*, success.*'disaster'"):
        alert("a", kind="disaster")

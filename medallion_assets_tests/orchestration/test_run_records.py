"""Records of runs where the storage is away, and what follows from one that cannot be read."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from medallion_assets.orchestration.closing.daily import closed_days
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets_tests.orchestration.sensors.test_unreadable_runs import add, spoil
from medallion_assets_tests.pipeline import CATALOG


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_storage_that_is_away_makes_no_run_unreadable(
    dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, *, is_wrapped: bool
) -> None:
    """Else a sensor would pass over all of them."""

    def away(*_: object, **__: object) -> list[dg.RunRecord]:
        lost = OperationalError("select", {}, OSError("connection refused"))
        if is_wrapped:
            raise RuntimeError("too many retries") from lost
        raise lost

    add(dagster_instance, "odd")
    monkeypatch.setattr(dagster_instance, "get_run_records", away)
    with pytest.raises((OperationalError, RuntimeError)):
        readable_records(dagster_instance, dg.RunsFilter(), [])


def test_a_day_is_closed_though_the_run_that_closed_it_cannot_be_read(
    dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the nightly tick would fail until that day is too old to be looked at."""
    table, day = CATALOG.published[0].table, date(2025, 11, 2)
    days = dg.StaticPartitionsDefinition([str(day)])
    made = dg.asset(key=asset_key(table), partitions_def=days)(lambda: None)
    result = dg.materialize([made], instance=dagster_instance, partition_key=str(day))
    spoil(dagster_instance, result.run_id)
    assert closed_days(dagster_instance, table, [day]) == {day}
    before_its_end = SimpleNamespace(start_time=1.0)
    monkeypatch.setattr(dagster_instance, "get_run_stats", lambda _: before_its_end)
    assert closed_days(dagster_instance, table, [day]) == set(), "it may have read too little"

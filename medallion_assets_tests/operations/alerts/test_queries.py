"""Queries that must find nothing: what is declared, and what people are told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import SettingsError
from medallion_assets.operations.alerts.queries import QueryAlert, ask_all, read_query_alerts

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
NEVER_ENDS = "select count(*) from range(10000000000) a where a.range % 7 = 3"


def test_each_query_is_asked_whatever_became_of_the_others(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """One that finds rows, one that cannot be answered, one that takes too long, one with a map, one that is well."""
    queries = [
        QueryAlert(name="many", query="select range as n, 1.5::decimal(4,2) as price from range(12)", do="count"),
        QueryAlert(name="wrong", query="from silver.custmers", severity="failure"),
        QueryAlert(name="slow", query=NEVER_ENDS, at_most_seconds=0.05),
        QueryAlert(name="counts", query="select histogram(date '2025-03-01') as counts"),
        QueryAlert(name="well", query="from silver.customers where customer_id is null"),
    ]
    many, wrong, slow, counts, well = ask_all(lakehouse, queries, workspace=tmp_path)
    alert = many.alert(NOW, run_id="r1")
    assert (alert.key, alert.kind, alert.do, alert.run_id) == ("query/many/2025-06-01", "warning", "count", "r1")
    assert alert.what.splitlines() == [
        "the query many found 12 rows; expected: none; the first:",
        *(f'{{"n": {n}, "price": "1.50"}}' for n in range(5)),
    ]
    alert = wrong.alert(NOW)
    assert (alert.key, alert.kind) == ("query_unanswered/wrong/2025-06-01", "failure")
    assert "such as silver.customers" in alert.what
    assert "within 0.05 seconds" in str(slow.error)
    assert counts.first_rows == ('{"counts": {"2025-03-01": 1}}',)
    assert [finding.is_well for finding in (many, wrong, slow, well)] == [False, False, False, True]


def test_queries_are_declared_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "queries.toml"
    file.write_text('[a]\nquery = "select 1"\n[b]\nquery = "select 2"\nseverity = "failure"\nat_most_seconds = 5\n')
    assert read_query_alerts(file) == (
        QueryAlert(name="a", query="select 1"),
        QueryAlert(name="b", query="select 2", severity="failure", at_most_seconds=5),
    )
    assert read_query_alerts(None) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[a]\n",
        "a = 1",
        '["a b"]\nquery = "select 1"',
        '[a]\nquery = "select 1"\nseverity = "loud"',
        '[a]\nquery = "select 1"\nevery = "day"',
        '[a]\nquery = "select 1"\nat_most_seconds = 0',
        "[a]\nquery = 1",
        "[a\n",
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "queries.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match="MEDALLION_QUERY_ALERTS"):
        read_query_alerts(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        read_query_alerts(tmp_path / "none.toml")

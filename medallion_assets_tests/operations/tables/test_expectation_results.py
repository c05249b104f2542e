"""What judging found, rule by rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.operations.tables.expectation_results import (
    ABSENT,
    EXPECTATION_RESULTS,
    GATE,
    MOST_ATTRIBUTES,
    QUALITY,
    TYPE,
    UNKNOWN,
    ExpectationResult,
    read_last_batches,
    read_results,
    record_results,
    results_of,
)
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.judging.gate import Counts, rules_of
from medallion_assets_tests.pipeline import declared, lakehouse_at

NOW = datetime(2025, 5, 1, tzinfo=UTC)
RULE = CUSTOMER_TRANSACTIONS.expectations[0]
FILLED = {column.name: 1 for column in CUSTOMER_TRANSACTIONS.columns}


def test_every_rule_has_its_row_and_so_has_every_other_reason() -> None:
    """A rule that nobody broke is told as well: a share over time needs its zeros."""
    counted = Counts(
        export_id="e1", records=10, bad=3, reasons=Counter({RULE.name: 2, "missing": 1}), filled=Counter(FILLED)
    )
    found = results_of(declared(CUSTOMER_TRANSACTIONS), counted, is_published=False, run_id="r1", now=NOW)
    rows = {row.expectation: row for row in found}
    assert set(rows) == {*(expectation.name for expectation in CUSTOMER_TRANSACTIONS.expectations), "missing", QUALITY}
    assert rows[RULE.name] == ExpectationResult(
        run_id="r1",
        table_name="silver.customer_transactions",
        export_id="e1",
        expectation=RULE.name,
        kind=str(RULE.action),
        passed=8,
        failed=2,
        is_published=False,
        rules=rules_of(declared(CUSTOMER_TRANSACTIONS)),
        judged_at=NOW,
    )
    assert (rows["missing"].kind, rows["missing"].failed) == (TYPE, 1)
    score = rows[QUALITY]
    assert (score.kind, score.passed, score.failed) == (GATE, 7, 3), "a bad record counts once"
    assert {row.failed for name, row in rows.items() if name not in (RULE.name, "missing", QUALITY)} == {0}


def test_results_are_kept_by_the_day_on_which_they_were_judged(tmp_path: Path) -> None:
    lakehouse, tomorrow = lakehouse_at(tmp_path), NOW + timedelta(days=1)
    for run, at in (("r2", tomorrow), ("r1", NOW)):
        counted = Counts(export_id=f"of {run}", records=1, filled=Counter(FILLED))
        record_results(
            lakehouse, results_of(declared(CUSTOMER_TRANSACTIONS), counted, is_published=True, run_id=run, now=at)
        )
    rules = len(CUSTOMER_TRANSACTIONS.expectations) + 1
    assert read_results(lakehouse)["run_id"].to_list() == ["r1"] * rules + ["r2"] * rules
    assert set(read_results(lakehouse, since=tomorrow.date())["export_id"]) == {"of r2"}


def test_batches_before_are_read_until_there_are_enough(tmp_path: Path) -> None:
    """Of tables that were judged of late; no further back than asked, whatever is missing."""
    lakehouse = lakehouse_at(tmp_path)
    (score,) = (
        row
        for row in results_of(
            declared(CUSTOMER_TRANSACTIONS), Counts(export_id="e", records=1), is_published=True, run_id="r", now=NOW
        )
        if row.expectation == QUALITY
    )
    days = {"silver.often": range(9), "silver.rare": (0, 3, 6, 8), "silver.old": (5, 6)}
    found = {
        replace(score, table_name=table, export_id=f"{table} {ago}", judged_at=NOW - timedelta(days=ago))
        for table, before in days.items()
        for ago in before
    }
    record_results(lakehouse, found)

    def read(batches: int, first: int) -> dict[str, list[int]]:
        since, earliest = (NOW.date() - timedelta(days=ago) for ago in (1, first))
        rows = read_last_batches(lakehouse, batches, since=since, first=earliest, at_once=1)
        assert rows["judged_at"].is_sorted()
        told = [export_id.split() for export_id in rows["export_id"]]
        return {table: sorted(int(ago) for name, ago in told if name == table) for table, _ in told}

    assert read(3, 400) == {"silver.often": [0, 1, 2], "silver.rare": [0, 3, 6]}
    assert read(9, 6) == {"silver.often": [0, 1, 2, 3, 4, 5, 6], "silver.rare": [0, 3, 6]}
    assert read(1, 400) == {"silver.often": [0, 1], "silver.rare": [0]}
    assert read_last_batches(lakehouse_at(tmp_path / "none"), 1, since=NOW.date(), first=NOW.date()).is_empty()


def test_attributes_that_an_export_has_too_many_or_too_few_of_have_their_rows() -> None:
    """By the name in the item; what deletes and bad records lack says nothing."""
    filled = Counter({name: many for name, many in FILLED.items() if name != "transaction_at"})
    counted = Counts(
        export_id="e1", records=10, bad=3, deletes=2, filled=filled, unknown_attributes=Counter({"coupon": 4})
    )

    def attributes(counts: Counts) -> set[tuple[str, str, int, int]]:
        found = results_of(declared(CUSTOMER_TRANSACTIONS), counts, is_published=True, run_id="r1", now=NOW)
        return {(row.kind, row.expectation, row.passed, row.failed) for row in found if row.kind in (UNKNOWN, ABSENT)}

    unknown = (UNKNOWN, "coupon", 6, 4)
    assert attributes(counted) == {unknown, (ABSENT, "transaction_timestamp", 5, 5)}
    assert attributes(replace(counted, deletes=7)) == {unknown}


def test_items_with_an_attribute_for_each_of_their_users_have_rows_of_the_most_frequent() -> None:
    """Else a table of millions of users would have a row for each, and so would every export of it."""
    names = Counter({f"user_{number}": 1 for number in range(3 * MOST_ATTRIBUTES)} | {"coupon": 2})
    rows = results_of(
        declared(CUSTOMER_TRANSACTIONS),
        Counts(export_id="e1", records=400, deletes=400, unknown_attributes=names),
        run_id="r1",
        now=NOW,
        is_published=True,
    )
    found = [row.expectation for row in rows if row.kind == UNKNOWN]
    assert (len(found), "coupon" in found) == (MOST_ATTRIBUTES, True)


def test_nothing_judged_makes_no_table(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    record_results(lakehouse, [])
    assert not lakehouse.exists(EXPECTATION_RESULTS)
    assert read_results(lakehouse).columns == list(EXPECTATION_RESULTS.column_names)

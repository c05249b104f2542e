"""An expectation that fails far more often than it does usually."""

from __future__ import annotations

import polars as pl
import pytest

from medallion_assets.operations.alerts.expectations import is_unusual, unusual_failures
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets_tests.operations.planted import NOW, SILVER, results
from medallion_assets_tests.pipeline import CATALOG

USUAL = [(1, 100)] * 5


def exports(frame: pl.DataFrame) -> list[str]:
    return [alert.where for alert in unusual_failures(AlertFacts(results=frame, catalog=CATALOG), NOW)]


@pytest.mark.parametrize(
    ("failed", "records", "usual", "expected"),
    [
        (31, 1000, [0.01] * 5, True),
        (30, 1000, [0.01] * 5, False),  # 3 times the usual is not over it
        (31, 1000, [0.01] * 4, False),  # nobody knows yet what is usual
        (31, 1000, [0.01, 0.01, 0.01, 0.9, 0.9], True),  # two bad exports do not hide the third
        (10, 1000, [0.0] * 5, True),
        (9, 900, [0.0] * 5, False),  # too few records
        (10, 1001, [0.0] * 5, False),  # under 1 % of the export
        (0, 0, [0.0] * 5, False),
    ],
)
def test_what_is_unusual(failed: int, records: int, usual: list[float], expected: bool) -> None:
    assert is_unusual(failed, records, usual) is expected


def test_an_export_is_held_against_those_before_it() -> None:
    told = exports(results(*USUAL, (40, 1000), (30, 1000)))
    assert told == [f"{SILVER}, export 0005"]


def test_the_alert_says_both_shares() -> None:
    (alert,) = unusual_failures(AlertFacts(results=results(*USUAL, (40, 1000)), catalog=CATALOG), NOW)
    assert alert.key == f"expectation/{SILVER}/amount_positive/0005"
    assert alert.what == "amount_positive failed for 4.00% of the records of one export; usual: 1.00%"
    assert (alert.kind, alert.run_id) == ("warning", "r1")


def test_what_was_not_published_is_not_usual_and_empty_exports_say_nothing() -> None:
    at_the_gate = results(*[(90, 100)] * 5, is_published=False)
    later = results(*USUAL, (40, 1000)).with_columns(export_id="9" + pl.col("export_id"))
    assert exports(pl.concat([at_the_gate, later])) == [f"{SILVER}, export 90005"]
    assert exports(results(*[(0, 0)] * 5, (40, 1000))) == []


def test_an_export_that_was_judged_again_counts_once() -> None:
    first = results((1, 100), (1, 100), (1, 100), (40, 1000))
    assert exports(pl.concat([first, first, first])) == []


def test_only_the_last_exports_are_usual() -> None:
    assert exports(results(*[(0, 100)] * 30, *[(20, 100)] * 11, (50, 100)))[-1] == f"{SILVER}, export 0039"


def test_rules_are_judged_each_on_its_own() -> None:
    both = pl.concat([results(*USUAL, (40, 1000)), results(*[(30, 100)] * 5, (40, 1000), expectation="known_code")])
    assert [alert.key for alert in unusual_failures(AlertFacts(results=both), NOW)] == [
        f"expectation/{SILVER}/amount_positive/0005"
    ]

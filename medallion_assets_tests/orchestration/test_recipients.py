"""Alerts about what is not there are refused, with the nearest name that there is."""

from __future__ import annotations

import json

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.recipients import expect_known_recipients
from medallion_assets.settings import load_settings
from medallion_assets_tests.pipeline import CATALOG

NAMES = (
    "gold.daily_sales_summary",
    "bronze.customers",
    "serving.customer_ltv_metrics",
    "ingest",
    "monitor",
    "diagnose",
)


def test_tables_and_jobs_that_are_there_are_fine() -> None:
    subjects = json.dumps(dict.fromkeys(NAMES, "json://a"))
    jobs = json.dumps({"ingest": "every_run", "monitor": "failures"})
    expect_known_recipients(load_settings({"MEDALLION_ALERTS_FOR": subjects, "MEDALLION_ALERT_JOBS": jobs}), CATALOG)


@pytest.mark.parametrize(
    ("variable", "name", "value", "nearest"),
    [
        ("MEDALLION_ALERTS_FOR", "gold.daily_sale_summary", "json://SECRET", "gold.daily_sales_summary"),
        ("MEDALLION_ALERTS_FOR", "ingset", "json://SECRET", "ingest"),
        ("MEDALLION_ALERT_JOBS", "refin", "failures", "refine"),
    ],
)
def test_others_are_refused_with_the_nearest(variable: str, name: str, value: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} names '{name}'.*did you mean {nearest}") as refused:
        expect_known_recipients(load_settings({variable: json.dumps({name: value})}), CATALOG)
    assert "SECRET" not in str(refused.value)

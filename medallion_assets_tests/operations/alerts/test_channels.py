"""Whom an alert goes to: the list of its kind, and who asked for its table or job; each URL once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.operations.alerts.channels import Channel, channels_of
from medallion_assets.operations.alerts.delivery import check_alert_urls
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.settings import load_settings

SALES = "gold.daily_sales_summary"
FAILED = Alert(key="k", kind="failure", what="it failed", where=SALES, do="look", table=SALES, job="daily")
GAP = replace(FAILED, kind="gap", table="silver.customers", job=None)


def channels(subjects: dict[str, str] | None = None, **kinds: str) -> list[Channel]:
    lists = {f"MEDALLION_ALERTS_{kind.upper()}": urls for kind, urls in kinds.items()}
    return channels_of(load_settings({**lists, "MEDALLION_ALERTS_FOR": json.dumps(subjects or {})}))


def sent_to(alert: Alert, of: list[Channel]) -> list[str]:
    return [channel.name for channel in of if channel.takes(alert)]


@pytest.mark.parametrize("kind", ["gap", "unprotected_minute", "schema_drift", "no_new_records"])
def test_a_warning_of_its_own_kind_goes_to_its_list_or_else_to_that_of_warnings(kind: str) -> None:
    alert = replace(GAP, kind=kind)
    assert sent_to(alert, channels(warning="json://a")) == ["warning[0] json"]
    assert sent_to(alert, channels(warning="json://a", **{kind: "json://b"})) == [f"{kind}[0] json"]
    assert sent_to(replace(alert, kind="warning"), channels(**{kind: "json://b"})) == []


def test_who_asked_for_a_table_or_a_job_gets_every_alert_about_it() -> None:
    by_subject = channels({SALES: "json://a slack://x/y/z", "daily": "json://b"}, failure="json://c")
    everybody = ["failure[0] json", f"{SALES}[0] json", f"{SALES}[1] slack", "daily[0] json"]
    assert sent_to(FAILED, by_subject) == everybody
    assert sent_to(replace(FAILED, kind="skipped", table=None), by_subject) == ["daily[0] json"]
    assert sent_to(GAP, by_subject) == []


def test_a_url_in_several_lists_gets_an_alert_once() -> None:
    listed = channels({SALES: "json://a", "daily": "json://a"}, failure="json://a json://a")
    assert sent_to(FAILED, listed) == ["failure[0] json"]
    assert sent_to(replace(FAILED, kind="warning"), listed) == [f"{SALES}[0] json"]
    assert sent_to(replace(FAILED, kind="warning", table=None), listed) == ["daily[0] json"]


@pytest.mark.parametrize("value", ['{"gold.x": "gibberish"}', '{"gold.x": 5}', '{"gold.x": ""}', "json://SECRET"])
def test_what_nothing_can_be_sent_to_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(SettingsError, match="MEDALLION_ALERTS_FOR") as refused:
        check_alert_urls(load_settings({"MEDALLION_ALERTS_FOR": value}))
    assert not {"gibberish", "SECRET"} & set(str(refused.value).replace("/", " ").replace('"', " ").split())

"""A refusal asks for a person until it was dealt with, by whichever of the ways that its words advise."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.facts import read_facts as alert_facts
from medallion_assets.operations.alerts.recoveries import recoveries
from medallion_assets.operations.alerts.rules import alerts_of
from medallion_assets.operations.alerts.standing import standing_conditions
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.needs import needs_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.alerts import raise_alerts
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.refining.loading.refused_batches import RefusedBatch, read_refusals, record_refusals
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing
from medallion_assets_tests.refining.months import Shop, event

pytestmark = pytest.mark.flow


def told(lakehouse: Lakehouse, now: datetime) -> list[str]:
    """The keys of the alerts and recoveries that the daemon raises now."""
    facts = alert_facts(lakehouse, now)
    found = alerts_of(facts, now)
    over = recoveries(facts.open_alerts, standing_conditions(facts, found, now))
    raised = [*raise_alerts(lakehouse, found, now), *raise_alerts(lakehouse, over, now)]
    return [alert.key for alert in raised if "refused/" in alert.key]


def asks(lakehouse: Lakehouse, now: datetime, bronze: str) -> tuple[list[str], list[str]]:
    """What the dashboard and `medallion status` say about a Bronze table."""
    needs = [need.what for need in needs_of(read_facts(lakehouse, now)) if need.where == bronze]
    problems = read_status(lakehouse, now).problems
    return needs, [problem.partition("; ")[0] for problem in problems if problem.startswith(f"{bronze}: ")]


def test_an_export_of_another_table_is_over_once_it_was_moved_away(tmp_path: Path) -> None:
    """B2, B3: the next run of Bronze sees that it is gone; people hear of it once."""
    landing = Landing(tmp_path)
    loaded = replace(landing.declared, freshness_hours=None)
    lakehouse = landing.lakehouse = replace(
        landing.lakehouse, catalog=Catalog((Pipeline(name="shop", loaded=(loaded,)),))
    )
    landing.full("a")
    foreign = landing.full("b", at=AT + HOUR, table_name="customers")
    landing.ingest()
    what = f"export {foreign.export_id}: refused (wrong_table)"
    assert asks(lakehouse, NOW, f"bronze.{TABLE}") == ([what], [f"bronze.{TABLE}: {what}"])
    (raised,) = told(lakehouse, NOW)
    shutil.move(Path(landing.raw_url) / TABLE / "AWSDynamoDB" / foreign.export_id, tmp_path)
    assert told(lakehouse, NOW + HOUR) == [], "nobody has looked"
    landing.ingest(NOW + HOUR)
    assert asks(lakehouse, NOW + HOUR, f"bronze.{TABLE}") == ([], [])
    assert told(lakehouse, NOW + HOUR) == [f"recovered/{raised}"]
    assert told(lakehouse, NOW + 2 * HOUR) == []


def test_an_older_version_of_a_month_that_lies_beside_the_newer_one_asks_for_nobody(tmp_path: Path) -> None:
    """Under another name, as docs/months.md has it."""
    shop = Shop(tmp_path)
    archive = replace(ECOMMERCE, loaded=tuple(replace(loaded, freshness_hours=None) for loaded in ECOMMERCE.loaded))
    shop.lakehouse = replace(shop.lakehouse, catalog=Catalog((archive,)))
    shop.write("2019-Oct", 2, event("new"))
    shop.run()
    old = shop.write("2019-Oct", 1, event("old"))
    shop.run()
    refusals = read_refusals(shop.lakehouse, "ecommerce_events").values()
    assert [(refusal.export_id, refusal.verdict) for refusal in refusals] == [(old, "superseded")]
    now = NOW + timedelta(minutes=1)
    assert asks(shop.lakehouse, now, "bronze.ecommerce_events") == ([], [])
    assert told(shop.lakehouse, now) == []


def test_refused_exports_are_a_problem_for_each_reason(lakehouse: Lakehouse) -> None:
    refused = RefusedBatch(
        table_name="customers",
        export_id="e1",
        prefix="",
        verdict="torn",
        message="",
        fingerprint="f",
        judged_at=NOW,
        what="a file is missing",
        expected="2 files",
        found="1",
        do="copy it again",
    )
    later = replace(refused, export_id="e2", judged_at=NOW + HOUR)
    record_refusals(lakehouse, [refused, later, replace(refused, export_id="e3", verdict="superseded")])
    told = [problem for problem in read_status(lakehouse, NOW).problems if "refused" in problem]
    said = "a file is missing; expected: 2 files; found: 1; what to do: copy it again"
    away = "or move it away: the next run of bronze.customers then forgets it"
    assert told == [f"bronze.customers: export e2 and 1 more: refused (torn); {said}; {away}"]

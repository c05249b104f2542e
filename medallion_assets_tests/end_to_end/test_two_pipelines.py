"""Two pipelines in one deployment: exports of both arrive, and everything of both is published by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.reader import read_day, read_item
from medallion_assets.settings import load_settings
from medallion_assets_tests.services import waiting
from medallion_assets_tests.services.daemon import Deployment, deployment_on
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.support_tickets.help_desk import HelpDesk, agent, export_shop, ticket
from medallion_assets_tests.support_tickets.living import BOTH, NAMES
from medallion_assets_tests.support_tickets.opened_tickets import OPENED_TICKETS
from medallion_assets_tests.support_tickets.requesters import ASKED_METRICS
from medallion_assets_tests.support_tickets.team_minutes import MINUTES_BY_DAY

LONGEST_SECONDS = 300.0


def test_everything_of_both_arrives(tmp_path: Path, postgres: PostgresServer, dynamodb_local: DynamoDBLocal) -> None:
    variables = {
        "MEDALLION_PIPELINES": NAMES,
        "MEDALLION_TIMERS": "none",
        "MEDALLION_CREATE_TABLES": "yes",
        "PYTHONPATH": str(REPOSITORY),
    }
    with deployment_on(tmp_path, postgres, dynamodb_local, **variables) as production:
        settings = load_settings(production.environment)
        lakehouse = Lakehouse(catalog=Catalog(BOTH), url=settings.lakehouse_url)
        desk = HelpDesk(settings.raw_url)
        desk.export_all("agents", agent("a1", "red"))
        desk.export_all("tickets", ticket(1, day=1), ticket(2, day=2))
        sold_on = export_shop(settings.raw_url)
        production.start()
        wait_until(production, lambda: published(dynamodb_local, lakehouse, sold_on), expected(desk))
        desk.export_changes("agents", agent("a1", "blue"))
        desk.export_changes("tickets", ticket(3, day=2, requester="r2"), deleted="T1")
        wait_until(production, lambda: published(dynamodb_local, lakehouse, sold_on), expected(desk))
        assert {run.job for run in production.runs()} >= {
            "ingest_and_refine",
            "daily_gold_and_publish",
            "support_ingest_and_refine",
            "support_daily_gold_and_publish",
        }
        assert verify(lakehouse, deep=True).findings == []


def published(served: DynamoDBLocal, lakehouse: Lakehouse, sold_on: date) -> dict[str, Any]:
    """What readers find of both, and of the table that nothing serves."""
    client = served.client
    tables = {SALES_METRICS.to, MINUTES_BY_DAY.to, ASKED_METRICS.to}
    if not tables <= served.table_names() or not lakehouse.exists(OPENED_TICKETS):
        return {}
    days = (date(2025, 3, 1), date(2025, 3, 2))
    minutes = {
        (day, row["team"], int(str(row["minutes"])))
        for day in days
        for row in read_day(client, MINUTES_BY_DAY.to, day, keys=MINUTES_BY_DAY.keys)
    }
    keys = [(requester, team) for requester in ("r1", "r2") for team in ("red", "blue")]
    items = {key: read_item(client, ASKED_METRICS.to, ASKED_METRICS.table, *key) for key in keys}
    return {
        "sales": len(read_day(client, SALES_METRICS.to, sold_on)),
        "minutes": minutes,
        "requesters": {(days[-1], *key, row["tickets"], row["last_opened_on"]) for key, row in items.items() if row},
        "opened": set(lakehouse.open(OPENED_TICKETS).scan().collect().iter_rows()),
    }


def expected(desk: HelpDesk) -> dict[str, Any]:
    """What they should find."""
    return {
        "sales": 1,
        "minutes": desk.minutes(),
        "requesters": desk.requesters(date(2025, 3, 2)),
        "opened": desk.opened(),
    }


def wait_until(production: Deployment, found: Callable[[], dict[str, Any]], wanted: dict[str, Any]) -> None:
    """Until readers find what is wanted; fails when that takes too long, and says what they find instead."""

    def story() -> str:
        runs, there = [(run.job, run.status) for run in production.runs(30)], found()
        differing = {key: (there.get(key), value) for key, value in wanted.items() if there.get(key) != value}
        return f"(found, wanted): {differing}\n{runs}\n{production.end_of_log()}"

    waiting.wait_until(lambda: found() == wanted, story, LONGEST_SECONDS)

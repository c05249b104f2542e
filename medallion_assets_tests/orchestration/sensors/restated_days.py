"""A lakehouse whose Silver changes day by day, and the sensors that follow it, for tests.

Belongs here: planting days of Silver, one tick of the sensors, and doing what they ask for.
Does not: expectations of any kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from medallion_assets.contracts.run_days import days_in, days_named, parse_days
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import RESTATED
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.restated.sensors import restated_sensors
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.settings import Settings
from medallion_assets_tests.deriving.planting import Sale, whole_rows
from medallion_assets_tests.pipeline import CATALOG

NOON = datetime(2025, 6, 1, 19, tzinfo=UTC)
SALES, LTV = DAILY_SALES_SUMMARY, CUSTOMER_LTV
DAY = date(2025, 3, 9)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def plant(lakehouse: Lakehouse, amounts: Mapping[date, str]) -> int:
    """Make one sale a day all that Silver holds; the commit says which days it restates. Gives its version."""
    snapshot = lakehouse.ready(ENRICHED_TRANSACTIONS)
    held = (
        {} if not snapshot.files.height else dict(snapshot.scan().select("transaction_date", "amount").collect().rows())
    )
    changed = {sale_day for sale_day in {*held, *amounts} if str(held.get(sale_day)) != f"{amounts.get(sale_day)}.0000"}
    if not changed:
        return snapshot.version
    whole = whole_rows(*(Sale(sale_day, amount) for sale_day, amount in amounts.items()))
    written = [
        snapshot.folder.write(whole.filter(pl.col("transaction_date") == sale_day).lazy(), partition=sale_day)
        for sale_day in sorted(changed & set(amounts))
    ]
    removed = snapshot.partition_files(sorted(changed))["path"].to_list() if snapshot.files.height else []
    return snapshot.commit(written, remove=removed, metadata={RESTATED: sorted(map(str, changed))})


@dataclass
class Follower:
    """The sensors over one lakehouse, with what they remember."""

    settings: Settings
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    reason: str = ""

    @property
    def lakehouse(self) -> Lakehouse:
        return Lakehouse(catalog=CATALOG, url=self.settings.lakehouse_url)

    def tick(self, gold: Table, *, now: datetime = NOON, keeps_cursor: bool = True) -> list[dg.RunRequest]:
        """What the sensor of a Gold table asks for."""
        name = f"restated_{gold.short_name}"
        (sensor,) = [sensor for sensor in restated_sensors(self.settings, TRANSACTIONS) if sensor.name == name]
        lake = LakehouseResource.of_settings(self.settings, CATALOG, clock=lambda: now)
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursors.get(name), resources={"lakehouse": lake}
        )
        with context:
            data = sensor.evaluate_tick(context)
        self.reason = data.skip_message or ""
        if keeps_cursor:
            self.cursors[name] = data.cursor
        return list(data.run_requests or ())

    def do(self, request: dg.RunRequest, *, publishes: bool = True) -> None:
        """What a run of a request does, without the run: build, and tell that the days are published."""
        days = days_of(request)
        for published in TRANSACTIONS.published:
            gold, serving = published.gold.table, published.table
            if asset_key(gold) in (request.asset_selection or ()):
                build(self.lakehouse, published.gold, days)
            if publishes and asset_key(serving) in (request.asset_selection or ()):
                version = self.lakehouse.open(gold).version
                self.tell(gold, days, version)
                self.tell(serving, days, version)

    def tell(self, table: Table, days: list[date], version: int) -> None:
        """Tell Dagster that days of a table are there, made of a version of Gold."""
        for built in days:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(asset_key(table), partition=str(built), metadata={"table_version": version})
            )


def days_of(request: dg.RunRequest) -> list[date]:
    """The days that a request is about."""
    return days_in(parse_days(days_named(request.tags) or ""))


def assets_of(request: dg.RunRequest) -> list[str]:
    """The assets that a request is about."""
    return [key.to_user_string() for key in request.asset_selection or ()]


def cause_of(request: dg.RunRequest) -> list[tuple[str, int]]:
    """The tables and versions in the trigger context, the same in every asset's config."""
    contexts = {json.dumps(op["config"]["trigger"], sort_keys=True) for op in request.run_config["ops"].values()}
    (context,) = contexts
    values: dict[str, Any] = json.loads(context)
    assert values["trigger"] == "restated"
    return [(table["table"], table["version"]) for table in values["tables"]]


def settle(follower: Follower) -> None:
    """Do what the sensors ask for until they ask for nothing."""
    for _ in range(5):
        requests = [request for gold in (SALES, LTV) for request in follower.tick(gold)]
        if not requests:
            return
        for request in requests:
            follower.do(request)
    raise AssertionError(requests)

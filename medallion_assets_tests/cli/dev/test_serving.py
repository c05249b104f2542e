"""A DynamoDB that forgot everything is given back what was published, and nothing that never was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from medallion_assets.cli.dagster_home import dev_yaml
from medallion_assets.cli.dev.serving import PublishedAgain, publish_again
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.reader import read_day
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import GOLD, SERVING, STORY_DAYS, Graph, graph_at

NOW = datetime(2025, 2, 1, tzinfo=UTC)
LAST = STORY_DAYS[1]
DAYS = [date(2025, 1, 10), date(2025, 1, 11)]


@pytest.mark.slow
def test_what_was_published_is_there_again(refined: Graph) -> None:
    """Days that Gold has and nobody published wait for the sensors."""
    home = refined.settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(dev_yaml().read_text())
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        graph = graph_at(refined.settings.home, instance)
        assert graph.run(*GOLD, first=DAYS[0], last=LAST).success
        assert graph.run(*SERVING, first=DAYS[0], last=DAYS[1]).success
        before = [read_day(graph.dynamodb, "daily_sales_metrics", day) for day in DAYS]
        watermark = read_watermark(graph.dynamodb, "customer_ltv_metrics", keys={"customer_id": "S"})
    for name in refined.dynamodb.list_tables()["TableNames"]:
        refined.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        refined.dynamodb.delete_table(TableName=name)
    again = publish_again(refined.settings, refined.dynamodb, NOW)
    assert [read_day(refined.dynamodb, "daily_sales_metrics", day) for day in DAYS] == before
    assert all(before)
    assert read_day(refined.dynamodb, "daily_sales_metrics", LAST) == []
    assert read_watermark(refined.dynamodb, "customer_ltv_metrics", keys={"customer_id": "S"}) == watermark
    assert watermark is not None
    assert watermark[0] == DAYS[1]
    assert again.days == len(DAYS) + 1
    assert again.items > sum(map(len, before))


def test_where_nothing_was_built_nothing_is_published(tmp_path: Path) -> None:
    settings = load_settings({"MEDALLION_HOME": str(tmp_path)})
    assert publish_again(settings, None, NOW) == PublishedAgain(days=0, items=0)
    assert list(tmp_path.iterdir()) == [], "no instance of Dagster is made for that"

"""The answers at the top of the page, of pipelines whose tables promise different things."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.answers import Answer, answers_of
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.tables import Mood
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.operations.business.gold import plant

END = datetime(2019, 11, 1, tzinfo=UTC)


def complete(folder: Path, pipeline: Pipeline, table: Table, now: datetime) -> Answer:
    """What is said to be complete where a month of one table was made, which reaches to its END, in UTC."""
    lakehouse = Lakehouse(catalog=Catalog((pipeline,)), url=str(folder / "lakehouse"))
    plant(lakehouse, table, date(2019, 10, 1), [{}], covered_until=END)
    return answers_of(read_facts(lakehouse, now))[0]


def test_months_that_nobody_promises_are_not_behind(tmp_path: Path) -> None:
    answer = complete(tmp_path, ECOMMERCE, BRAND_REVENUE, datetime(2019, 11, 20, tzinfo=UTC))
    assert (answer.mood, answer.more) == (Mood.GOOD, "no table promises how far")
    assert answer.answer == "until Wed 30 Oct 2019"


def test_models_of_dbt_are_complete_as_far_as_the_least_of_their_sources(tmp_path: Path) -> None:
    answer = complete(tmp_path, STAR_SCHEMA, MART_REVENUE, datetime(2019, 11, 2, 8, tzinfo=UTC))
    assert (answer.answer, answer.more, answer.mood) == ("until Wed 30 Oct 2019", "2 days behind", Mood.BAD)

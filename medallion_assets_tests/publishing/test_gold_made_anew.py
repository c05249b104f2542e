"""Which Gold table a publish is of: one made anew is newer, one that went back is an error (rules P1, P2, P5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from deltalake import write_deltalake

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError, kind_of
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.publishing.house import DAY, EARLIER, LTV, PUBLISHED, SALES, House, gold_of


@pytest.mark.parametrize("table", PUBLISHED)
def test_gold_that_was_made_anew_is_published_although_its_versions_begin_again(house: House, table: str) -> None:
    """P1, P2: readers see it, and the slow publisher of the former table gets nothing in."""
    house.sell("20")
    house.sell("30")
    house.publish(table)
    house.forget(gold_of(table))
    house.sell("40")
    assert house.publish(table) == "published"
    assert house.read(table) == 40
    assert house.owner(table)["table_id"] == house.lake.open(gold_of(table)).table_id
    house.sell("50")
    assert house.publish(table) == "published"
    assert house.read(table) == 50


def test_gold_made_anew_may_reach_less_far(house: House) -> None:
    """P2: the day of the former table is later, and says nothing."""
    house.publish(LTV)
    house.forget(CUSTOMER_LTV)
    house.sell("40", EARLIER)
    assert house.publish(LTV, EARLIER) == "published"
    assert house.read(LTV) == 40


@pytest.mark.parametrize("noted", [True, False], ids=["of this release", "of one that noted no commit"])
@pytest.mark.parametrize("table", PUBLISHED)
def test_gold_that_went_back_is_an_error_and_not_superseded(house: House, table: str, noted: bool) -> None:
    """P1, P2, P5: until a person hands the table over to what Gold is now."""
    copy = OlderCopy(house.lake, gold_of(table))
    house.sell("20")
    house.publish(table)
    latest = house.lake.open(gold_of(table)).version
    copy.put_back()
    if not noted:
        house.forget_commit(table)
    with pytest.raises(PermanentError, match="is ahead of gold") as refusal:
        house.publish(table)
    said = str(refusal.value)
    for words in (f"version {latest}:", f"at most {latest - 1}", f"hand-over {table} --why", table):
        assert words in said
    if table == SALES and not noted:
        assert f"a version of {DAY}" in said
    assert str(DAY) not in kind_of(refusal.value), "each day is the same cause"
    assert house.read(table) == 20


@pytest.mark.parametrize("table", PUBLISHED)
def test_gold_that_went_back_is_an_error_once_its_numbers_have_come_again_too(house: House, table: str) -> None:
    """P5: they are of other commits. The owner's item tells, and what was published is not compared with them."""
    copy = OlderCopy(house.lake, gold_of(table))
    house.sell("20")
    house.publish(table)
    latest = house.lake.open(gold_of(table)).version
    copy.put_back()
    house.sell("30", EARLIER)
    house.sell("40")
    assert house.lake.open(gold_of(table)).version == latest + 1
    with pytest.raises(PermanentError, match="began with a commit that gold") as refusal:
        house.publish(table)
    for words in (
        f"version {latest} of table",
        f"hand-over {table} --why",
        "went on, and readers may see what it lost",
    ):
        assert words in str(refusal.value)
    assert house.read(table) == 20
    house.hand_over(table)
    assert house.publish(table) == "published"
    assert house.read(table) == 40


def test_a_day_that_gold_built_anew_under_a_number_that_it_lost_is_not_taken_for_published(house: House) -> None:
    """P5: another day was published from the version after it; what this day's pointer has is lost."""
    copy = OlderCopy(house.lake, DAILY_SALES_SUMMARY)
    house.sell("20")
    house.publish(SALES)
    house.sell("15", EARLIER)
    house.publish(SALES, EARLIER)
    copy.put_back()
    house.sell("40")
    with pytest.raises(PermanentError, match=r"#owner of DynamoDB table .* is ahead of gold"):
        house.publish(SALES)


def test_a_foreign_commit_under_the_number_of_a_lost_one_is_another(house: House) -> None:
    """P5: such as an OPTIMIZE, which has no id."""
    copy = OlderCopy(house.lake, DAILY_SALES_SUMMARY)
    house.sell("20")
    house.publish(SALES)
    copy.put_back()
    gold = house.lake.open(DAILY_SALES_SUMMARY)
    write_deltalake(gold.uri, gold.scan().collect().head(0), mode="append")
    with pytest.raises(PermanentError, match="began with a commit that gold"):
        house.publish(SALES)


def test_what_the_owners_item_notes_of_gold_only_rises(house: House) -> None:
    """A slow publisher of an older version leaves it, and a commit of another engine has no id to note."""
    stale = house.lake.open(DAILY_SALES_SUMMARY)
    house.sell("20")
    house.publish(SALES)
    latest = house.lake.open(DAILY_SALES_SUMMARY)
    assert house.owner(SALES)["gold_commit_version"] == latest.version
    house.publisher._take_turn(serving_table(SALES_METRICS, ""), stale)
    assert house.owner(SALES)["gold_commit_version"] == latest.version
    write_deltalake(latest.uri, latest.scan().collect().head(0), mode="append")
    assert house.lake.open(DAILY_SALES_SUMMARY).version == latest.version + 1
    house.publish(SALES)
    assert house.owner(SALES)["gold_commit_version"] == latest.version
    house.sell("30")
    house.publish(SALES)
    assert house.owner(SALES)["gold_commit_version"] == latest.version + 2


def test_a_newer_version_that_another_run_published_is_superseded_and_no_error(house: House) -> None:
    """Gold moved on after this run had read it: it has the version that is published."""
    stale = house.lake.open(DAILY_SALES_SUMMARY)
    house.sell("20")
    house.publish(SALES)

    class Stale(Lakehouse):
        """Gives the old version once."""

        def open(self, table: Table, version: int | None = None) -> Any:
            if table == DAILY_SALES_SUMMARY and seen == []:
                seen.append(table)
                return stale
            return super().open(table, version)

    seen: list[Table] = []
    slow = replace(house.publisher, lakehouse=Stale(url=house.lake.url, author=house.lake.author))
    assert slow.publish(SALES_METRICS, [DAY])[DAY].outcome == "superseded"


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_of_before_whose_gold_was_made_anew_begins_a_generation(house: House, table: str) -> None:
    """P5: the same version, of a Gold table that is younger than the publish; and a higher one."""
    house.ran("one")
    house.publish(table)
    house.make_it_one_of_before(table)
    house.forget(gold_of(table))
    house.sell("40")
    assert house.publish(table) == "published"
    assert house.read(table) == 40
    assert house.owner(table)["generation"] == 1


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_that_was_emptied_of_its_owner_alone_goes_on_where_it_was(house: House, table: str) -> None:
    """Somebody deleted the item: the ids that pointers and watermarks carry tell the generation."""
    house.ran("one")
    house.publish(table)
    house.forget(gold_of(table))
    house.sell("40")
    house.publish(table)
    owner = house.owner(table)
    keys = ("metric_date", "row_key") if table == SALES else ("customer_id",)
    house.publisher.client.delete_item(TableName=table, Key={key: {"S": "#owner"} for key in keys})
    assert house.publish(table) == "unchanged"
    assert (owner["generation"], house.owner(table)["generation"]) == (1, 1)

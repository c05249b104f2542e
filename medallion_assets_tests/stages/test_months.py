"""A month of which nothing is there is not made: a run of it says so, and what is there (rules V1, E1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.deriving.build import build
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import DecisionAction
from medallion_assets.stages import months
from medallion_assets.stages.months import expect_in_bronze, expect_loaded, expect_settled, has_month
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.refining.months import LOADED, NOVEMBER, OCTOBER, STRICT, Shop, event

DECEMBER = date(2019, 12, 1)
(GOLD,) = ECOMMERCE.gold


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Its October is in Silver; of December a file lies there."""
    shop = Shop(tmp_path)
    shop.lakehouse = replace(shop.lakehouse, catalog=Catalog((ECOMMERCE,)))
    shop.write("2019-Oct", 1, event("a"))
    shop.run()
    shop.write("2019-Dec", 1, event("d", month=12))
    return shop


def load(shop: Shop, *months: date) -> None:
    done = shop.ingest(*months)
    expect_loaded(shop.lakehouse.open(bronze_table("ecommerce_events")), LOADED, done, months)


def test_a_month_without_a_file_is_refused_with_those_that_there_are(shop: Shop) -> None:
    with pytest.raises(PermanentError) as refused:
        load(shop, OCTOBER, NOVEMBER)
    assert refused.value.headline == "bronze.ecommerce_events: there are no files of 2019-11"
    assert refused.value.found == "2019-10, 2019-12"
    assert "For a month in which nothing happened, deliver one without records" in str(refused.value)


def test_a_load_that_names_no_month_reads_no_ledger(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds every export that was ever loaded."""
    monkeypatch.setattr(months, "batches_in", lambda *_: pytest.fail("the ledger was read"))
    load(shop)


def test_a_month_whose_file_has_no_records_is_empty(shop: Shop) -> None:
    shop.write("2019-Nov", 1)
    load(shop, NOVEMBER)
    shop.refine()
    expect_in_bronze(shop.lakehouse, LOADED, [NOVEMBER])
    expect_settled(shop.lakehouse, GOLD, [NOVEMBER])
    assert shop.products() == ["a"]


def test_a_month_whose_file_is_refused_names_file_and_verdict(shop: Shop) -> None:
    write_bytes(shop.place, "1/2019-Nov.csv", b"of,other,columns\n1,2,3\n")
    with pytest.raises(PermanentError, match=r"files of 2019-11 could not be loaded.*1/2019-Nov\.csv@\S+ was refused"):
        load(shop, OCTOBER, NOVEMBER)


def test_a_newer_version_that_is_refused_leaves_the_month_as_it_is(shop: Shop) -> None:
    held = shop.bronze()
    write_bytes(shop.place, "2/2019-Oct.csv", b"of,other,columns\n1,2,3\n")
    load(shop, OCTOBER)
    shop.refine()
    assert (shop.bronze(), shop.products()) == (held, ["a"])


def test_a_month_that_is_loaded_is_there_though_its_file_is_gone(shop: Shop) -> None:
    """As Bronze has it, it can be made again."""
    shop.write("2019-Nov", 1, event("n", month=11))
    assert has_month(shop.lakehouse, shop.raw_url, LOADED, NOVEMBER)
    assert not has_month(shop.lakehouse, shop.raw_url, LOADED, date(2020, 1, 1))
    shop.ingest()
    (Path(shop.raw_url) / "ecommerce_events/1/2019-Nov.csv").unlink()
    assert has_month(shop.lakehouse, shop.raw_url, LOADED, NOVEMBER)


def test_silver_refuses_a_month_that_bronze_lacks(shop: Shop) -> None:
    """It is not enough that its file lies there."""
    expect_in_bronze(shop.lakehouse, LOADED, [OCTOBER])
    with pytest.raises(PermanentError) as refused:
        expect_in_bronze(shop.lakehouse, LOADED, [OCTOBER, DECEMBER])
    assert refused.value.headline == "silver.ecommerce_events: bronze.ecommerce_events holds no data of 2019-12"
    assert refused.value.found == "2019-10"


def test_gold_refuses_a_month_of_which_nothing_is_settled(shop: Shop) -> None:
    """Nor one that waits at the gate."""
    bad = shop.write("2019-Nov", 1, event("bad", month=11, user_id=""))
    shop.run(gate=STRICT)
    expect_settled(shop.lakehouse, GOLD, [OCTOBER, DECEMBER])
    with pytest.raises(PermanentError) as refused:
        expect_settled(shop.lakehouse, GOLD, [OCTOBER, NOVEMBER])
    assert refused.value.headline == "gold.brand_revenue: silver.ecommerce_events holds no data of 2019-11"
    assert refused.value.found == "2019-10, 2019-12"
    shop.decide(bad, DecisionAction.REJECT)
    shop.run()
    expect_settled(shop.lakehouse, GOLD, [NOVEMBER])


def test_a_month_that_is_gone_from_silver_can_go_from_gold(shop: Shop) -> None:
    build(shop.lakehouse, GOLD, [OCTOBER])
    assert shop.lakehouse.open(GOLD.table).row_count == 1
    for table in (bronze_table("ecommerce_events"), LOADED.table):
        snapshot = shop.lakehouse.open(table)
        snapshot.commit(remove=snapshot.files["path"].to_list())
    expect_settled(shop.lakehouse, GOLD, [OCTOBER])
    build(shop.lakehouse, GOLD, [OCTOBER])
    assert shop.lakehouse.open(GOLD.table).row_count == 0

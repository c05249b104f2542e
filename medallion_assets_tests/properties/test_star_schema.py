"""Any order in which a shop's files arrive gives the same star, and the one that the rules say (rules F, H, D)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_PRODUCT
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE, MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.pipeline import CHANGES, STAR_SCHEMA
from medallion_assets.pipelines.star_schema.samples.files import write_shop
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.oracle import shop_tables
from medallion_assets_tests.oracle.files import FileInput, FileTable, history, state
from medallion_assets_tests.oracle.star import Star, star

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TABLES = (DIM_CUSTOMER, DIM_PRODUCT, FCT_ORDER_LINE, MART_REVENUE)
LENIENT = GatePolicy(quality_threshold=0)
"""A file of few lines may be mostly bad: what is proved here is what the good ones give."""


def arrive(lake: Lakehouse, raw: Path, files: Iterable[Path]) -> None:
    """Let files come in, a few at a time, and refine what came."""
    for number, file in enumerate(files):
        place = raw / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
        if number % 7 == 0:
            settle(lake, raw)
    settle(lake, raw)


def settle(lake: Lakehouse, raw: Path) -> None:
    for loaded in STAR_SCHEMA.loaded:
        if (raw / loaded.table.short_name).is_dir():
            done = ingest(lake, str(raw), loaded, now=NOW)
            assert done.refused == []
            assert refine(lake, replace(loaded, gate=LENIENT), now=NOW).failing is None


def expected(raw: Path) -> Star:
    """What the rules make of the files that lie there."""
    people, things, orders, lines = (_inputs(raw, table) for table in shop_tables.SHOP)
    return star(
        customers=history(people),
        products=history(things),
        orders=state(shop_tables.ORDERS, orders),
        lines=state(shop_tables.ORDER_LINES, lines),
    )


def _inputs(raw: Path, table: FileTable) -> list[FileInput]:
    place = open_store(str(raw / table.name))
    found = CHANGES.find(place).batches
    return [
        FileInput(
            table=table,
            batch_id=batch.id,
            modified=datetime.fromtimestamp(file.stat().st_mtime, UTC),
            text=file.read_text(),
        )
        for batch in found
        for file in [raw / table.name / batch.id.split("@")[0]]
    ]


def held(lake: Lakehouse) -> dict[str, list[dict[str, Any]]]:
    return {table.short_name: lake.open(table).scan().collect().sort(list(table.key)).to_dicts() for table in TABLES}


@pytest.mark.slow
@pytest.mark.xdist_group("dbt")
def test_any_order_of_arrival_gives_the_star_that_the_rules_say(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    keys = write_shop(str(sample), seed=5, orders=150, customers=25, products=12, days=12, bad_share=0.02)
    files = [sample / key for key in keys]
    stars = []
    for name, order in (("forwards", files), ("backwards", files[::-1]), ("by table", sorted(files))):
        lake = Lakehouse(url=str(tmp_path / name / "lakehouse"), catalog=Catalog((STAR_SCHEMA,)))
        arrive(lake, tmp_path / name / "raw", order)
        refresh(lake, STAR, now=NOW).build.expect_passed()
        stars.append(held(lake))
    wanted = expected(tmp_path / "forwards" / "raw")
    for table in TABLES:
        rows = sorted(getattr(wanted, table.short_name), key=lambda row: [row[name] for name in table.key])
        assert stars[0][table.short_name] == rows, table.name
    assert stars[0] == stars[1] == stars[2]
    assert len(wanted.fct_order_line) > 100

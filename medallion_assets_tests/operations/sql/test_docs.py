"""The queries of docs/sql.md are answered."""

from __future__ import annotations

import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.operations.alerts.queries import ask_all, read_query_alerts
from medallion_assets.operations.sql.answer import answer
from medallion_assets.operations.tables.every import every_table
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at
from medallion_assets_tests.services.processes import REPOSITORY

DAY = date(2025, 3, 7)
DOCS = (REPOSITORY / "docs" / "sql.md").read_text()
QUERIES = re.findall(r"^```sql\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
COMPARED = "is distinct from gold.net"
FIND_NOTHING = ("copies > 1", COMPARED)


def answer_of(lakehouse: Lakehouse, query: str, workspace: Path) -> list[tuple[Any, ...]]:
    with answer(lakehouse, query, workspace=workspace) as found:
        return [tuple(row) for batch in found.batches for row in batch]


@pytest.fixture(scope="module")
def whole(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound lakehouse in which every table has been made."""
    folder = tmp_path_factory.mktemp("whole") / "lakehouse"
    shutil.copytree(sound, folder)
    lakehouse = lakehouse_at(folder)
    build(lakehouse, DAILY_SALES, [day for day in lakehouse.open(ENRICHED_TRANSACTIONS).partitions if day])
    for table in every_table(CATALOG):
        lakehouse.create(table)
    return folder


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_docs_is_answered(query: str, whole: Path, tmp_path: Path) -> None:
    rows = answer_of(lakehouse_at(whole), query, tmp_path)
    assert not (rows and any(part in query for part in FIND_NOTHING))


def test_a_day_with_a_refund_is_no_disagreement_and_another_figure_is(
    empty_lakehouse: Lakehouse, tmp_path: Path
) -> None:
    (query,) = [query for query in QUERIES if COMPARED in query]
    plant(empty_lakehouse, Sale(DAY), Sale(DAY, status="refunded"))
    build(empty_lakehouse, DAILY_SALES, [DAY])
    assert answer_of(empty_lakehouse, query, tmp_path) == []
    plant(empty_lakehouse, Sale(DAY, amount="11"), Sale(DAY, status="refunded"))
    assert answer_of(empty_lakehouse, query, tmp_path) == [(DAY, Decimal(11), Decimal(10))]


def test_there_are_such_queries() -> None:
    assert len(QUERIES) == 11


def test_the_alerts_of_the_docs_are_declared_and_answered(whole: Path, tmp_path: Path) -> None:
    (declared,) = re.findall(r"^```toml\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    (file := tmp_path / "queries.toml").write_text(declared)
    findings = list(ask_all(lakehouse_at(whole), read_query_alerts(file), workspace=tmp_path))
    assert [(finding.asked.name, finding.error) for finding in findings] == [
        ("gold_disagrees", None),
        ("bronze_is_quiet", None),
    ]

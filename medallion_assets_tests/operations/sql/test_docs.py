"""The queries of docs/sql.md are answered."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from medallion_assets.operations.alerts.queries import ask_all, read_query_alerts
from medallion_assets.operations.sql.answer import answer
from medallion_assets.operations.tables.every import every_table
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at
from medallion_assets_tests.services.processes import REPOSITORY

DOCS = (REPOSITORY / "docs" / "sql.md").read_text()
QUERIES = re.findall(r"^```sql\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
FIND_NOTHING = ("copies > 1",)


@pytest.fixture(scope="module")
def whole(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound lakehouse in which every table has been made."""
    folder = tmp_path_factory.mktemp("whole") / "lakehouse"
    shutil.copytree(sound, folder)
    for table in every_table(CATALOG):
        lakehouse_at(folder).create(table)
    return folder


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_docs_is_answered(query: str, whole: Path, tmp_path: Path) -> None:
    with answer(lakehouse_at(whole), query, workspace=tmp_path) as found:
        rows = [row for batch in found.batches for row in batch]
    assert not (rows and any(part in query for part in FIND_NOTHING))


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

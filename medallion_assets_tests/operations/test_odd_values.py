"""No value of any column breaks what shows it: moments beyond Python, markup, terminal commands (rules R1, C6).

The lakehouse is one of an earlier release, which took every write time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from rich.console import RenderableType

from medallion_assets.cli.pages.answers import explanation_page, quarantine_page, verification_page
from medallion_assets.cli.pages.rebuild import rebuilt_page
from medallion_assets.cli.pages.status import status_page
from medallion_assets.cli.terminal import Terminal
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.page import render
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.exports.quarantine_listing import list_quarantine
from medallion_assets.operations.status import read_status, status_facts
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.orchestration.reporting import table_result
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.typing import decode
from medallion_assets.stages.figures import counts, markdown_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS
from medallion_assets_tests.refining.planting import AT, AT_MICROS, HOUR, export_id, lake

NINES, MILLIS = 10**18 - 1, AT_MICROS // 1000
ODD = {"S": "[red]x[/red] [/nope] \x1b[31m \x9b \u202e :smile: | \\"}
NOW = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nines that won, milliseconds that lost, and names that command, in both tables and in quarantine."""
    folder = tmp_path_factory.mktemp("planted")
    lakehouse = lake(folder)
    changes = [upsert_line(NINES, customer("c1", customer_name=ODD)), upsert_line(MILLIS, customer("c2"))]
    sales = [upsert_line(NINES, transaction("t1", product_id=ODD)), json.dumps(ODD, ensure_ascii=False)]
    for export in (
        full(CUSTOMERS, export_id(1), AT, [item_line(customer("c1")), item_line(customer("c2"))]),
        window(CUSTOMERS, export_id(2), AT, AT + HOUR, changes),
        full(TRANSACTIONS, export_id(3), AT, [item_line(transaction("t1"))]),
        window(TRANSACTIONS, export_id(4), AT, AT + HOUR, sales),
    ):
        pipeline.land(lakehouse, export)
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(decode, "_is_outside_window", lambda _table: pl.lit(value=False))
        pipeline.run_silver(lakehouse)
    return folder


@pytest.fixture
def old(planted: Path, tmp_path: Path) -> Lakehouse:
    """A copy of it."""
    shutil.copytree(planted, tmp_path, dirs_exist_ok=True)
    return lake(tmp_path)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[object, RenderableType], str]:
    """What a command prints as a page; as JSON it can be read back. Neither commands the terminal."""

    def show(facts: object, page: RenderableType) -> str:
        outputs = []
        for as_json in (False, True):
            with Terminal(as_json=as_json) as terminal:
                terminal.answer(facts, lambda: page)
            outputs.append(capsys.readouterr().out)
        assert json.loads(outputs[1])
        assert not [
            character for character in "".join(outputs) if character not in "\n\u00a0" and not character.isprintable()
        ]
        return outputs[0]

    return show


@pytest.mark.parametrize(("table", "key"), [(CUSTOMERS, "c1"), (CUSTOMERS, "c2"), (TRANSACTIONS, "t1")])
def test_explain_shows_the_key(old: Lakehouse, printed: Callable[..., str], table: str, key: str) -> None:
    (contract,) = [silver for silver in pipeline.SILVER if silver.short_name == table]
    found = explain(old, pipeline.declared(contract), key)
    page = printed(found, explanation_page(found))
    assert found.disagreements == []
    if key != "c2":
        assert "[red]x[/red] [/nope] ␛[31m" in page
        assert "999999999999999999 microseconds since" in page


def test_quarantine_shows_the_line(old: Lakehouse, printed: Callable[..., str]) -> None:
    listing = list_quarantine(old, pipeline.CUSTOMER_TRANSACTIONS)
    assert "[red]x[/red] [/nope]" in printed(listing, quarantine_page(listing))


def test_a_rebuild_shows_what_it_would_change_and_mends_it(old: Lakehouse, printed: Callable[..., str]) -> None:
    """R1: nines and milliseconds go to quarantine."""
    for table in pipeline.SILVER:
        for dry_run in (True, False):
            done = rebuild_judged(old, pipeline.declared(table), why="write times", now=NOW, dry_run=dry_run)
            assert "[/nope]" in printed(done, rebuilt_page(done))
        assert done.changes.newly_bad["write_time_outside_window"] in (1, 2)
    assert {row["valid_to"] for row in pipeline.rows(old, pipeline.CUSTOMERS)} == {None}


def test_everything_else_that_looks_goes_on(old: Lakehouse, printed: Callable[..., str]) -> None:
    """Checks, status and dashboard; what is pending is judged and published as before."""
    answer = verify(old, digests=True, deep=True)
    printed(answer, verification_page(answer))
    status = read_status(old, NOW)
    printed(status_facts(status), status_page(status))
    assert "<html" in render(read_facts(old, NOW), ui_url="")
    for table in pipeline.SILVER:
        shown = table_result(old.open(table), rows_in=0, rows_out=0).metadata or {}
        assert "[/nope]" in str(shown["preview"])
    later = window(CUSTOMERS, export_id(5), AT + HOUR, AT + 2 * HOUR, [upsert_line(AT_MICROS + 1, customer("c3"))])
    pipeline.land(old, later)
    pipeline.run_silver(old)
    assert set(old.open(pipeline.CUSTOMERS).scan().collect()["customer_id"]) == {"c1", "c2", "c3"}


def test_an_unexpected_error_shows_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), Terminal(as_json=False):
        raise ValueError(str(ODD["S"]))
    shown = capsys.readouterr().err
    assert "[red]x[/red] [/nope] ␛[31m" in shown
    assert "\x1b" not in shown


def test_a_table_in_markdown_keeps_its_rows_and_columns() -> None:
    """The report of an incident has some."""
    rows: list[dict[str, Any]] = [{"raw": "a|b\r\n\u2028\x85| c |\x1b", "n": 1}]
    lines = markdown_table(rows).splitlines()
    assert len(lines) == 3
    assert lines[2].count("\\|") == 3


def test_names_that_items_choose_do_not_flood_a_check() -> None:
    names = {f"attribute {number:05}\x1b": 1 for number in range(3000)} | {"x" * 60_000: 2}
    shown = counts(names)
    assert len(shown) < 5_000
    assert shown.endswith("and 2,901 more")
    assert "\x1b" not in shown

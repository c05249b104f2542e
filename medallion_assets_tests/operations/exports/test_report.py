"""Every export below a URL: facts for each, whatever is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from medallion_assets.cli.pages.answers import exports_page
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.exports.report import verify_exports
from medallion_assets.operations.places import raw_place
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.refining.ledger.decisions import record_decisions
from medallion_assets.sources.dynamodb_export.verdicts import ExportStatus, Verdict
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at
from medallion_assets_tests.refining.landing import Landing, decision
from medallion_assets_tests.sources.dynamodb_export.planted_exports import EXPORT_AT, key_of, write_full, write_window

DAY = timedelta(days=1)
ANEW = "0b0b0b0b-0000-4000-8000-000000000000"
"""The id of a table that was made anew."""


def test_exports_of_every_prefix_with_their_gaps(tmp_path: Path) -> None:
    """C1: the window after a hole is named with both edges; progress counts exports."""
    store = open_store(str(tmp_path))
    write_full(store, prefix="old")
    write_window(store)
    write_window(store, begin=EXPORT_AT + 3 * DAY)
    told: list[tuple[int, int]] = []
    exports = verify_exports(str(tmp_path), progress=lambda *figures: told.append(figures)).exports
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [(export.prefix, export.verdict, export.items, export.is_well) for export in exports] == [
        ("old/", Verdict.COMPLETE, 2, True),
        ("", Verdict.COMPLETE, 1, True),
        ("", Verdict.COMPLETE, 1, False),
    ]
    assert [export.unprotected_minute is None for export in exports] == [True, False, True]
    gap = exports[2].gap_before
    assert gap is not None
    assert (gap.from_at, gap.to_at) == (EXPORT_AT + DAY, EXPORT_AT + 3 * DAY)


def test_a_broken_export_tells_what_was_expected_and_a_waiting_one_is_not_well(tmp_path: Path) -> None:
    """B1: the verdict of each; one that is not complete has no gap of its own."""
    store = open_store(str(tmp_path))
    broken = write_full(store)
    (tmp_path / broken.files[1].key).write_bytes(b"")
    waiting = write_window(store, begin=EXPORT_AT + 5 * DAY)
    (tmp_path / key_of(waiting, "manifest-summary.json")).unlink()
    first, second = verify_exports(f"file://{tmp_path}").exports
    assert (first.verdict, first.standing, first.table) == (
        Verdict.EMPTY_DATA_FILE,
        ExportStatus.INCOMPLETE,
        "orders",
    )
    assert first.problem == "expected: at least the 20 bytes of an empty gzip file; found: 0 bytes"
    assert (second.verdict, second.table, second.gap_before, second.is_well) == (Verdict.WAITING, None, None, False)


def test_a_summary_that_no_table_claims_is_named(tmp_path: Path) -> None:
    """B3: in no export folder, in the folder of a table that nobody declares, in none, or in another table's."""
    for place, table in [("customers", "customers"), ("invoices", "invoices"), ("", "orders")]:
        write_full(open_store(str(tmp_path / "raw" / place)), table=table)
    foreign = write_window(open_store(str(tmp_path / "raw" / "customers")))
    stray = tmp_path / "raw" / "customers" / foreign.export_id / "manifest-summary.json"
    stray.parent.mkdir()
    stray.write_bytes(b"{}")
    report = verify_exports(
        str(tmp_path / "raw"), raw_url=str(tmp_path / "raw"), lakehouse=lakehouse_at(tmp_path / "lakehouse")
    )
    assert not report.is_well
    assert {
        (summary.key.split("/manifest")[0].rpartition("/")[0], summary.problem) for summary in report.unclaimed
    } == {
        ("customers", "in no export folder"),
        ("invoices/AWSDynamoDB", "no table is named invoices"),
        ("AWSDynamoDB", "in no table's folder"),
    }
    assert {summary.do.partition(";")[0] for summary in report.unclaimed if summary.problem.startswith("no table")} == {
        f"move it below {tmp_path}/raw/<table>, one of customer_transactions, customers"
    }
    assert {export.prefix: export.verdict for export in report.exports if export.export_id == foreign.export_id} == {
        "customers/": Verdict.WRONG_TABLE
    }


@pytest.mark.parametrize(("folder", "table"), [("custmers", "orders"), ("elsewhere", "customers"), ("", "customers")])
def test_the_right_place_of_an_unclaimed_export_is_named(tmp_path: Path, folder: str, table: str) -> None:
    """That of its own table, else of the one whose name is most alike; said once of all that it is true of."""
    raw = tmp_path / "raw"
    for number in range(3):
        write_full(open_store(str(raw / folder)), table=table, at=EXPORT_AT + number * DAY)
    report = verify_exports(str(raw), raw_url=str(raw), lakehouse=lakehouse_at(tmp_path / "lakehouse"))
    assert {lost.do.partition(";")[0] for lost in report.unclaimed} == {f"move it to {raw}/customers/"}
    console = Console(file=StringIO(), width=1_000)
    console.print(exports_page(report))
    assert console.file.getvalue().count("move it to") == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("raw", "asked"),
    [
        ("", ""),
        ("", "/lake"),
        ("", "/customers"),
        ("/lake/customers", "/lake/customers"),
        ("/lake/customers", "/lake/customers/customers"),
    ],
    ids=["too high", "what lies there", "a table's folder", "too deep", "the folder in it"],
)
def test_of_a_wrong_raw_url_is_said_what_the_status_says(tmp_path: Path, raw: str, asked: str) -> None:
    """Nothing is to be moved: the URL is to be set."""
    for table in ("customers", "customer_transactions"):
        write_full(open_store(str(tmp_path / "lake" / table)), table=table)
    lakehouse, raw_url = lakehouse_at(tmp_path / "lakehouse"), f"{tmp_path}{raw}"
    report = verify_exports(f"{tmp_path}{asked}", raw_url=raw_url, lakehouse=lakehouse)
    said = {lost.do for lost in report.unclaimed} or {report.place.do}
    assert said == {f"set MEDALLION_RAW_URL to {tmp_path}/lake"}
    assert said == {raw_place(lakehouse, raw_url, loaded).do for loaded in lakehouse.catalog.loaded}
    assert not report.is_well


@pytest.mark.parametrize(
    ("url", "unclaimed"),
    [("raw/invoices", 1), ("", 2), ("elsewhere", 1), ("elsewhere/customers", 0), ("elsewhere/invoices", 1)],
)
def test_what_is_claimed_depends_on_where_the_url_lies(tmp_path: Path, url: str, unclaimed: int) -> None:
    """Below the raw URL, above it, and in a place like it; there also the folder of a table alone."""
    write_full(open_store(str(tmp_path / "raw" / "invoices")))
    write_full(open_store(str(tmp_path / "elsewhere")), prefix="invoices")
    write_full(open_store(str(tmp_path / "elsewhere" / "customers")), table="customers")
    claimed = verify_exports(
        str(tmp_path / url), raw_url=str(tmp_path / "raw"), lakehouse=lakehouse_at(tmp_path / "lakehouse")
    ).unclaimed
    assert len(claimed) == unclaimed + (url == "")


def test_whose_a_tables_exports_are_is_known_from_what_was_loaded(tmp_path: Path) -> None:
    """B3: as ingest judges it, also where the contract names no ARN."""
    place = Landing(tmp_path, "customers")
    ours = place.full("a")
    place.ingest()
    strangers = place.full("b", at=EXPORT_AT + DAY, account_id="999988887777")
    report = verify_exports(place.raw_url, raw_url=place.raw_url, lakehouse=replace(place.lakehouse, catalog=CATALOG))
    assert {export.export_id: export.verdict for export in report.exports} == {
        ours.export_id: Verdict.COMPLETE,
        strangers.export_id: Verdict.WRONG_TABLE,
    }


def test_exports_of_a_table_that_was_made_anew_are_not_complete_until_it_is_confirmed(tmp_path: Path) -> None:
    """B3: as ingest judges them: with what to do; what is loaded stays as it is."""
    place = Landing(tmp_path, "customers")
    lakehouse = replace(place.lakehouse, catalog=CATALOG)
    ours = place.full("a")
    place.ingest()
    window = place.window("b", begin=EXPORT_AT + DAY, table_id=ANEW)
    full = place.full("b", at=EXPORT_AT + 2 * DAY, table_id=ANEW)
    (refused,) = place.ingest().refused
    assert (refused.export_id, refused.verdict) == (window.export_id, "table_recreated"), "loading stops there"
    report = verify_exports(place.raw_url, raw_url=place.raw_url, lakehouse=lakehouse)
    do = f"if that was meant, run bronze/customers with confirm_table_id: {ANEW}"
    assert {export.export_id: (export.verdict, export.do) for export in report.exports} == {
        ours.export_id: (Verdict.COMPLETE, None),
        window.export_id: (Verdict.TABLE_RECREATED, do),
        full.export_id: (Verdict.TABLE_RECREATED, do),
    }
    assert not report.is_well
    record_decisions(lakehouse, [replace(decision(ANEW), table_name="customers")])
    place.window("c", begin=EXPORT_AT + 2 * DAY, table_id=ANEW)
    report = verify_exports(place.raw_url, raw_url=place.raw_url, lakehouse=lakehouse)
    assert [export.verdict for export in report.exports] == [
        Verdict.COMPLETE,
        Verdict.FULL_EXPORT_MISSING,
        Verdict.COMPLETE,
        Verdict.COMPLETE,  # loaded after the full one before it
    ]


def test_objects_that_belong_to_no_export_are_counted(tmp_path: Path) -> None:
    write_full(open_store(str(tmp_path)))
    (tmp_path / "notes.txt").write_bytes(b"")
    report = verify_exports(str(tmp_path))
    assert (report.foreign_objects, report.unclaimed, report.is_well) == (1, [], True)


@pytest.mark.parametrize(("name", "state"), [("there", "empty"), ("not_there", "missing"), ("others", "not ours")])
def test_a_place_without_exports_is_not_well_and_is_not_made(tmp_path: Path, name: str, state: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "notes.txt").write_bytes(b"")
    report = verify_exports(str(tmp_path / name))
    assert (report.is_well, report.exports, report.place.state) == (False, [], state)
    assert "check the URL" in report.place.do
    assert not (tmp_path / "not_there").exists()


@pytest.mark.parametrize("below", ["", "/orders", "/orders/2025"], ids=["the raw URL", "its folder", "within it"])
def test_a_place_of_files_is_no_wrong_url(tmp_path: Path, below: str) -> None:
    """Nothing was verified, so it is not well; but no URL is to be corrected, and no sample to be written there."""
    (tmp_path / "orders" / "2025").mkdir(parents=True)
    (tmp_path / "orders" / "2025" / "orders.csv").write_bytes(b"a\n1\n")
    lakehouse = replace(lakehouse_at(tmp_path / "lakehouse"), catalog=Catalog((STAR_SCHEMA,)))
    report = verify_exports(f"{tmp_path}{below}", raw_url=str(tmp_path), lakehouse=lakehouse)
    assert (report.is_well, report.place.state) == (False, "not ours")
    assert "orders: no exports are loaded there" in report.place.do.replace(", order_lines", "")
    assert "check the URL" not in report.place.do
    both = replace(lakehouse, catalog=Catalog((TRANSACTIONS, STAR_SCHEMA)))
    assert (
        ". If it is for exports, check the URL"
        in verify_exports(f"{tmp_path}{below}", raw_url=str(tmp_path), lakehouse=both).place.do
    )
    beside = verify_exports(f"{tmp_path}/orders_2", raw_url=str(tmp_path), lakehouse=lakehouse)
    assert "check the URL" in beside.place.do

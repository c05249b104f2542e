"""Questions in SQL: what a name means, which version, what is read for it; and that nothing else can be done."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from medallion_assets.cli.pages.sql import answer_page
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.delta.notes.as_of import version_as_of
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.row_tables.releases import RELEASES
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.exporting.publish import publish
from medallion_assets.errors import MissingTableError, PermanentError, UnreadableTableError
from medallion_assets.operations.sql.answer import answer
from medallion_assets_tests.deriving.dbt.exporting.test_publish import DIMENSION, TABLES, publication
from medallion_assets_tests.deriving.dbt.planting import NOW
from medallion_assets_tests.operations.small_lakehouse import exports
from medallion_assets_tests.pipeline import (
    CATALOG,
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    TRANSACTIONS,
    lakehouse_at,
    land,
    run_silver,
)
from medallion_assets_tests.services.s3 import S3Server

PAYMENTS = "silver.customer_transactions"


def asked(lakehouse: Lakehouse, query: str, folder: Path, **options: Any) -> list[tuple[Any, ...]]:
    """All rows of an answer."""
    with answer(lakehouse, query, workspace=folder, **options) as found:
        return [row for batch in found.batches for row in batch]


@pytest.fixture
def ask(lakehouse: Lakehouse, tmp_path: Path) -> Any:
    return lambda query, **options: asked(lakehouse, query, tmp_path, **options)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (f"select transaction_id, amount from {PAYMENTS}", [("t1", Decimal("11.0000"))]),
        (f"select transaction_id, is_deleted from {PAYMENTS}_all order by all", [("t1", False), ("t2", True)]),
        ("from customer_transactions select transaction_id", [("t1",)]),
        ("select region from SILVER.Customers order by valid_from", [("west",), ("east",)]),
        ("select reasons from quarantine.customer_transactions", [(["currency_unsupported"],)]),
        ("select count(*) from bronze.customer_transactions", [(5,)]),
        ("select count(*) from operations.incidents", [(0,)]),
        ("with customers as (select 1 as a) from customers", [(1,)]),
        (f"with x as (from {PAYMENTS}) select count(*) from x", [(1,)]),
        ("select column_name from (describe silver.customers) limit 1", [("customer_id",)]),
        ("values (1), (2)", [(1,), (2,)]),
    ],
)
def test_tables_are_found_by_their_names(ask: Any, query: str, rows: list[tuple[Any, ...]]) -> None:
    assert ask(query) == rows


def test_a_layer_of_a_pipelines_own_is_a_schema_as_well(tmp_path: Path) -> None:
    sales = replace(TRANSACTIONS.gold[0].table, name="our-mart.sales")
    pipeline = replace(TRANSACTIONS, gold=(replace(TRANSACTIONS.gold[0], table=sales),), published=(), pictures=())
    lakehouse = Lakehouse(url=str(tmp_path / "lakehouse"), catalog=Catalog((pipeline,)))
    lakehouse.create(sales)
    assert asked(lakehouse, 'select count(*) from "our-mart".sales, sales', tmp_path) == [(0,)]


@pytest.mark.parametrize("table", ["quarantine.customers", "operations.incidents", "silver.customers", "incidents"])
def test_where_no_lakehouse_is_nothing_is_empty(tmp_path: Path, table: str) -> None:
    """An alert that must find no row would be content with a mistyped place."""
    nowhere = lakehouse_at(tmp_path / "nowhere")
    with pytest.raises(MissingTableError, match="nowhere"):
        asked(nowhere, f"select count(*) from {table}", tmp_path)
    assert asked(nowhere, "with incidents as (select 1) from incidents", tmp_path) == [(1,)]
    nowhere.create(CUSTOMERS)
    assert asked(nowhere, "select count(*) from operations.incidents", tmp_path) == [(0,)]


def test_a_version_is_named_in_the_table_or_after_it(ask: Any, lakehouse: Lakehouse) -> None:
    query = "select amount from {} where transaction_id = 't1'"
    first = [(Decimal("10.0000"),)]
    version = lakehouse.open(CUSTOMER_TRANSACTIONS).version - 1
    assert ask(query.format(f'silver."customer_transactions@{version}"')) == first
    assert ask(query.format(f'silver."customer_transactions_all@{version}"')) == first
    assert ask(query.format(f"{PAYMENTS} at (version => {version})")) == first
    assert ask(query.format(PAYMENTS)) == [(Decimal("11.0000"),)]
    both = f"select new.amount, customer_transactions.amount from {PAYMENTS} new, {PAYMENTS} at (version => {version})"
    assert ask(both + " where new.transaction_id = customer_transactions.transaction_id") == [
        (Decimal("11.0000"), Decimal("10.0000"))
    ]


def test_a_moment_stands_for_the_version_of_then(ask: Any, lakehouse: Lakehouse) -> None:
    commits = {commit["version"]: commit["timestamp"] for commit in lakehouse.open(CUSTOMERS).history(100)}
    before = datetime.fromtimestamp((commits[max(commits)] - 1) / 1000, UTC)
    query = "select region from {} order by valid_from"
    now = ask(query.format("silver.customers"))
    then = ask(query.format("silver.customers"), as_of=before)
    assert (now, then) == ([("west",), ("east",)], [("west",)])
    for text in (
        f"silver.customers at (timestamp => '{before.isoformat()}')",
        f'silver."customers@{before.isoformat()}"',
    ):
        assert ask(query.format(text)) == then
    for later in (before + timedelta(milliseconds=1), datetime(9999, 1, 1, tzinfo=UTC)):
        assert ask(query.format(f'silver."customers@{later.isoformat()}"')) == now
    with pytest.raises(MissingTableError, match="did not exist yet at"):
        ask(query.format("silver.customers"), as_of=before - timedelta(days=1))
    assert ask("select count(*) from quarantine.customers", as_of=before - timedelta(days=1)) == [(0,)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from silver.custmers", "such as silver.customers"),
        ("from dayly_sales_summary", "such as gold.daily_sales_summary"),
        ('from silver."customers@99"', "has no version 99"),
        ('from silver."customers@x"', "a timestamp in ISO 8601"),
        ("from silver.customers at (version => 1 + 1)", "write the number or the timestamp itself"),
        ("from gold.daily_sales_summary", "does not exist yet"),
        ("select nothing from silver.customers", "nothing"),
        ("select 1 from", "cannot be read"),
        ("from silver.customers@3", 'in quotes, "customers@3"'),
        ("from silver.customers where region = 'a@b.c' and", "what to do: correct it"),
        ("", "found: nothing"),
        ("select 1; select 2", "one SELECT"),
    ],
)
def test_what_cannot_be_answered_says_what_to_do(ask: Any, query: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        ask(query)


@pytest.mark.parametrize(
    "query",
    [
        "create table x as select 1",
        "insert into silver.customers select * from silver.customers",
        "copy (select 1) to '{outside}'",
        "copy silver.customers to '{file}'",
        "explain analyze copy (select 1) to '{file}'",
        "explain create table x as select 1",
        "attach '{outside}' as x",
        "set enable_external_access = true",
        "pragma enable_profiling",
        "install httpfs",
        "load httpfs",
        "call pragma_version()",
        "export database '{outside}'",
        "select 1; copy (select 1) to '{file}'",
        "from read_text('{secret}')",
        "from read_csv('{secret}')",
        "from '{secret}'",
        "from read_parquet('{other}')",
        "from glob('{lake}/**')",
        "from read_text('{lake}/silver/customers/_delta_log/00000000000000000000.json')",
        "from read_parquet('https://localhost:1/a.parquet')",
        "from before",
        "select getenv('HOME')",
        "select count(*) from silver.customers, read_text('{secret}')",
    ],
)
def test_nothing_is_written_and_nothing_else_is_read(
    ask: Any, lakehouse: Lakehouse, tmp_path: Path, query: str
) -> None:
    """Neither files outside of the lakehouse, nor those in it by their own names."""
    file = Path(lakehouse.uri(CUSTOMERS), lakehouse.open(CUSTOMERS).files["path"][0])
    other = Path(lakehouse.uri(CUSTOMER_TRANSACTIONS), lakehouse.open(CUSTOMER_TRANSACTIONS).files["path"][0])
    (secret := tmp_path / "secret.csv").write_text("a\n1\n")
    places = {"outside": tmp_path / "out", "file": file, "other": other, "secret": secret, "lake": lakehouse.url}
    before = {path: path.read_bytes() for path in Path(lakehouse.url).rglob("*") if path.is_file()}
    with pytest.raises(PermanentError):
        ask(query.format_map(places))
    assert {path: path.read_bytes() for path in Path(lakehouse.url).rglob("*") if path.is_file()} == before
    assert not (tmp_path / "out").exists()


def test_only_the_logs_of_the_named_tables_are_read(ask: Any, lakehouse: Lakehouse) -> None:
    """What is broken stops no question about something else."""
    log = Path(lakehouse.uri(CUSTOMERS), "_delta_log")
    for file in log.glob("*.json"):
        file.write_text("{")
    assert ask(f"select count(*) from {PAYMENTS}") == [(1,)]
    with pytest.raises(UnreadableTableError):
        ask("from silver.customers")


def test_a_query_that_takes_too_long_is_ended(ask: Any) -> None:
    with pytest.raises(PermanentError, match=r"within 0\.05 seconds"):
        ask(
            "select count(*) from range(10000000000) a, range(1000) b where a.range % 7 = b.range", at_most_seconds=0.05
        )


def test_an_answer_says_its_columns_and_versions(lakehouse: Lakehouse, tmp_path: Path) -> None:
    query = f"select amount, business_hours from {PAYMENTS}, operations.alerts, (select 1 as business_hours)"
    with answer(lakehouse, query, workspace=tmp_path) as found:
        assert (found.columns, found.types) == (("amount", "business_hours"), ("DECIMAL(18,4)", "INTEGER"))
        version = lakehouse.open(CUSTOMER_TRANSACTIONS).version
        assert found.versions == {PAYMENTS: version, "operations.alerts": None}
        with suppress(StopIteration):
            next(found.batches)


def test_a_bucket_is_asked_for_the_files_of_the_days_that_are_read(s3_server: S3Server, tmp_path: Path) -> None:
    from medallion_assets.contracts.catalog import Catalog

    assert isinstance(CATALOG, Catalog)
    url = f"s3://{s3_server.make_bucket()}/lake"
    lakehouse = Lakehouse(catalog=CATALOG, url=url, storage_options=s3_server.environment)
    for export in exports():
        land(lakehouse, export)
    run_silver(lakehouse)
    query = f"select transaction_id, amount from {PAYMENTS}"
    assert asked(lakehouse, f"{query} where transaction_date = '1999-01-01'", tmp_path) == []
    assert not list(tmp_path.rglob("*.parquet"))
    assert asked(lakehouse, query, tmp_path) == [("t1", Decimal("11.0000"))]
    assert {file.parent.parent.name for file in tmp_path.rglob("*.parquet")} == {"customer_transactions"}


def test_what_dbt_builds_is_read_as_its_latest_release_has_it(tmp_path: Path) -> None:
    """Between two commits of a build each table is at another one; a query that names a version means that version."""
    lake = with_models(tmp_path)
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    next(publication(lake, 2, 1).burst())  # the dimension's commit
    query = "select d.number, f.number from gold.dimension d, gold.fact f"
    with answer(lake, query, workspace=tmp_path) as found:
        assert list(found.batches) == [[(1, 1)]]
        assert found.versions == {"gold.dimension": 1, "gold.fact": 1}
        assert found.releases == dict.fromkeys(found.versions, "release-1")
    with answer(lake, query, workspace=tmp_path) as found:
        page = Console(width=200)
        with page.capture() as shown:
            page.print(answer_page(found, 1))
        assert "1 row; gold.dimension @1, gold.fact @1, release release-1" in shown.get()
    assert asked(lake, 'select number from gold."dimension@2"', tmp_path) == [(2,)]


def test_a_moment_inside_a_burst_is_read_as_the_release_before_it(tmp_path: Path) -> None:
    """A burst that crashed, and one that was completed: at no moment is a star read that is of two builds."""
    lake = with_models(tmp_path)
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    next(publication(lake, 2, 1).burst())
    crashed = later_than(lake.open(DIMENSION))
    completed = publish(publication(lake, 3, 1), build="star", run_id=None, now=NOW).versions
    done = later_than(lake.open(RELEASES))
    query = "select d.number, f.number from gold.dimension d, gold.fact f"

    assert version_as_of(lake.open(DIMENSION), crashed) == 2  # by itself the dimension is ahead of the facts
    assert asked(lake, query, tmp_path, as_of=crashed) == [(1, 1)]
    assert asked(lake, query, tmp_path, as_of=done) == [(3, 3)]
    at_once = f'select d.number, f.number from gold."dimension@{crashed.isoformat()}" d, gold.fact f'
    with answer(lake, at_once, workspace=tmp_path) as found:
        assert list(found.batches) == [[(1, 3)]]
        (then, now) = sorted(found.releases.values())
        assert (then, now) == ("release-1", "release-3")
        assert found.versions["gold.fact"] == completed["gold.fact"]


def test_before_the_first_release_tables_are_read_as_they_were(tmp_path: Path) -> None:
    lake = with_models(tmp_path)
    next(publication(lake, 1, 1).burst())
    crashed = later_than(lake.open(DIMENSION))
    publish(publication(lake, 2, 1), build="star", run_id=None, now=NOW)
    assert asked(lake, "from gold.dimension", tmp_path, as_of=crashed) == [(1,)]


def with_models(folder: Path) -> Lakehouse:
    """A lakehouse to which a build of two tables belongs."""
    models = DbtModels(name="star", project=folder, sources=(CUSTOMERS,), models=TABLES)
    return Lakehouse(url=str(folder / "lakehouse"), catalog=Catalog((replace(TRANSACTIONS, dbt=(models,)),)))


def later_than(snapshot: Snapshot) -> datetime:
    """The moment of a snapshot's commit; what is committed from now on is of a later one."""
    (commit,) = commits_since(snapshot, snapshot.version - 1)
    committed = int(commit["timestamp"])
    while time.time_ns() // 1_000_000 <= committed:
        pass
    return datetime.fromtimestamp(committed / 1000, UTC)

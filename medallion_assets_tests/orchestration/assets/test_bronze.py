"""Bronze's asset in Dagster: what it loads, and what it says of what it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.orchestration.sensors.arrival import KnownBatches, look
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import DECISIONS
from medallion_assets.refining.loading.load import Ingested
from medallion_assets.sources.dynamodb_export import find as finding
from medallion_assets.sources.dynamodb_export.manifest import SUMMARY_NAME, ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.stages.bronze import exports_verified
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets.triggers.file_arrival import ArrivalCursor
from medallion_assets_tests import pipeline
from medallion_assets_tests.contracts.misspelt_condition import SHOP
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, Landing
from medallion_assets_tests.sources.dynamodb_export.planted_exports import key_of

TRANSACTIONS = "bronze/customer_transactions"
CHECK = (TRANSACTIONS, "exports_verified")


def landing(graph: Graph) -> Landing:
    """Where exports of customer_transactions are dropped for this graph."""
    place = Landing(graph.settings.home, table="customer_transactions")
    place.raw_url = graph.settings.raw_url
    return place


def test_a_refused_export_stops_no_other_and_is_named(graph: Graph) -> None:
    """B1: one loaded, one tampered, one not there yet; what follows in the run goes on."""
    place = landing(graph)
    good, tampered, waiting = (place.full("a", "b", at=AT + number * HOUR) for number in range(3))
    write_bytes(place.store, tampered.files[1].key, b"something else")
    (Path(place.raw_url) / "customer_transactions" / key_of(waiting, SUMMARY_NAME)).unlink()
    run = graph.run(TRANSACTIONS, "silver/customers")
    assert run.success
    assert run.failed_checks == {CHECK, ("silver/customers", "new_records")}
    assert run.checks[CHECK].severity is dg.AssetCheckSeverity.ERROR
    figures = run.figures(*CHECK)
    assert (figures["loaded"], figures["waiting"], figures["verdicts"]) == (1, 1, "not_gzip: 1")
    (refused,) = figures["refused"]
    assert (refused["export"], refused["verdict"]) == (tampered.export_id, "not_gzip")
    assert "what to do:" in refused["message"]
    made = run.figures(TRANSACTIONS)
    assert (made["exports_loaded"], made["exports_waiting"]) == ([good.export_id], [waiting.export_id])
    assert (made["rows_in"], made["rows_out"], made["dagster/row_count"]) == (2, 2, 2)


def test_a_refused_export_is_named_until_it_is_made_good(graph: Graph) -> None:
    """B2: a second run does not read it again, and tells the same."""
    place = landing(graph)
    export = place.full("a")
    content = place.store.get(export.files[1].key).bytes()
    write_bytes(place.store, export.files[1].key, b"something else")
    told = [graph.run(TRANSACTIONS).figures(*CHECK)["refused"] for _ in range(2)]
    assert told[0] == told[1]
    write_bytes(place.store, export.files[1].key, bytes(content))
    assert graph.run(TRANSACTIONS).failed_checks == set()


def test_a_person_confirms_a_table_that_was_made_anew(graph: Graph) -> None:
    """B3: the check says how; the decision is recorded with who."""
    place = landing(graph)
    place.full("a", table_id="old")
    anew = place.full("b", at=AT + HOUR, table_id="new")
    stopped = graph.run(TRANSACTIONS)
    assert stopped.success
    assert "with confirm_table_id: new" in stopped.figures(*CHECK)["refused"][0]["message"]
    config = {TRANSACTIONS: {"confirm_table_id": "new", "reason": "restored from a backup"}}
    run = graph.run(TRANSACTIONS, config=config, tags={"user": "ada"})
    assert run.failed_checks == set()
    assert run.figures(TRANSACTIONS)["exports_loaded"] == [anew.export_id]
    (decision,) = pipeline.rows(graph.lakehouse, DECISIONS, "subject")
    said = [decision[name] for name in ("subject", "action", "reason", "decided_by")]
    assert said == ["new", "confirm_table", "restored from a backup", "ada"]


@pytest.mark.slow
def test_a_table_whose_exports_are_in_cannot_be_confirmed(graph: Graph) -> None:
    """B3: it is no new one. A run that is tried again confirms once more what it had confirmed, and loaded, before."""
    landing(graph).full("a", table_id="old")
    graph.run(TRANSACTIONS)
    config = {TRANSACTIONS: {"confirm_table_id": "old", "reason": "by mistake"}}
    assert not graph.run(TRANSACTIONS, config=config).success
    assert pipeline.rows(graph.lakehouse, DECISIONS, "subject") == []
    landing(graph).full("b", at=AT + HOUR, table_id="new")
    config[TRANSACTIONS]["confirm_table_id"] = "new"
    assert graph.run(TRANSACTIONS, config=config).success
    assert graph.run(TRANSACTIONS, config=config).success


def test_what_may_hide_exports_fails_the_check(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a sound export lies behind foreign objects, too many to look through; the sensor says so as well."""
    monkeypatch.setattr(finding, "FOREIGN_AT_MOST", 2)
    place = landing(graph)
    for number in range(3):
        write_bytes(place.store, f"daily/{number}/x", b"")
    place.full("a", prefix="daily/z/")
    run = graph.run(TRANSACTIONS)
    assert run.checks[CHECK].severity is dg.AssetCheckSeverity.ERROR
    assert run.failed_checks == {CHECK}
    assert run.figures(*CHECK)["folders_not_looked_into"].keys() == {"daily"}
    looked = look(
        KnownBatches(graph.lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS)), place.raw_url, ArrivalCursor(), NOW
    )
    assert str(looked) == "no new batch (folders not examined: 1)"


def test_a_summary_that_lies_in_no_export_folder_is_a_warning(graph: Graph) -> None:
    place = landing(graph)
    place.full("a")
    write_bytes(place.store, f"lost/{SUMMARY_NAME}", b"{}")
    run = graph.run(TRANSACTIONS)
    assert run.checks[CHECK].severity is dg.AssetCheckSeverity.WARN
    assert run.failed_checks == {CHECK}


def test_a_run_that_finds_no_export_at_all_fails_and_makes_nothing(graph: Graph) -> None:
    """A folder that nobody has made may be the wrong one; it says where exports belong, and is not tried again."""
    run = graph.run(TRANSACTIONS)
    assert not run.success
    assert run.retries == 0
    assert "the raw place of customer_transactions is missing" in run.failure
    assert f"let its exports arrive in {graph.settings.raw_url}/customer_transactions/" in run.failure
    assert not Path(graph.settings.raw_url).exists()
    assert not graph.lakehouse.exists(bronze_table("customer_transactions"))


def test_a_run_that_finds_another_tables_exports_alone_fails(graph: Graph) -> None:
    """B3: a table's folder under another table's name; the check names each export before."""
    write_export(
        open_store(f"{graph.settings.raw_url}/customer_transactions"),
        table_name="orders",
        export_type=ExportType.FULL,
        from_at=AT,
        to_at=AT,
        files=[[full_record({"pk": {"S": "a"}})]],
    )
    run = graph.run(TRANSACTIONS)
    assert run.failed_checks == {CHECK}
    assert "the raw place of customer_transactions is wrong" in run.failure
    assert "exports of another table only" in run.failure


def test_a_condition_that_cannot_be_asked_ends_the_run_before_a_table_is_made(graph: Graph) -> None:
    """Its export lies there, and is sound. Loading the definitions does not look."""
    Landing(graph.settings.home, raw_url=graph.settings.raw_url).full("a")
    shop = replace(graph, pipelines=(SHOP,))
    run = shop.run("bronze/orders")
    assert run.failure.startswith(
        "the contract of silver.orders cannot be kept; expected: expectation total_positive: "
    )
    assert "did you mean total?" in run.failure
    assert (run.retries, shop.lakehouse.exists(bronze_table("orders"))) == (0, False)


def test_every_commit_carries_the_run_and_who_started_it(graph: Graph) -> None:
    """Whoever looks at a table can tell who changed it."""
    landing(graph).full("a")
    run = graph.run(TRANSACTIONS, tags={"user": "ada"})
    commit = graph.lakehouse.open(bronze_table("customer_transactions")).delta.history(1)[0]
    assert (commit["dagster_run_id"], commit["started_by"]) == (run.result.run_id, "ada")


def test_an_export_of_a_former_table_fails_the_check() -> None:
    """B3: it comes in, and nothing of it counts."""
    table = bronze_table("customers")
    assert exports_verified(table, Ingested()).passed
    assert not exports_verified(table, Ingested(outdated={"e1": "it begins after its table ended"})).passed

"""Whose exports a table takes: its ARN and its table id (rule B3)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.owner import Owner
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import bronze_table, latest_origin
from medallion_assets.refining.ledger.decisions import DecisionAction, record_decisions
from medallion_assets.refining.loading import load as module
from medallion_assets.refining.loading.owner import SOURCE_ARN_NOTE, owner_known
from medallion_assets.sources.dynamodb_export.manifest import SUMMARY_NAME
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, ORDERS, TABLE, Landing, confirm, decision, ids
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_manifest

OURS = "arn:aws:dynamodb:us-west-2:111122223333:table/orders"
EQUAL = "0f0e0d0c-0000-4000-8000-000000000000"


def recorded(landing: Landing) -> Owner:
    return owner_known(declared(ORDERS), bronze(landing))


def bronze(landing: Landing) -> Any:
    return landing.lakehouse.open(bronze_table(TABLE))


@pytest.mark.parametrize("table_id", [EQUAL, None], ids=["equal table id", "another table id"])
@pytest.mark.parametrize(
    ("elsewhere", "differs"),
    [
        ({"account_id": "999988887777"}, "account"),
        ({"region": "eu-west-1"}, "region"),
        ({"table_name": "invoices"}, "name"),
        ({"account_id": "999988887777", "region": "cn-north-1"}, "region, account"),
    ],
)
def test_an_export_of_the_same_name_from_elsewhere_is_refused(
    landing: Landing, elsewhere: dict[str, str], differs: str, table_id: str | None
) -> None:
    """B3: it neither loads nor stops anything, and nobody is told to confirm it."""
    ours = landing.full("a", table_id=EQUAL)
    landing.ingest()
    strangers = landing.full("b", at=AT + HOUR, **elsewhere, **({"table_id": table_id} if table_id else {}))
    next_one = landing.window("c", begin=AT, table_id=EQUAL)
    done = landing.ingest()
    assert [batch.id for batch in done.loaded] == ids(next_one)
    assert [(refused.export_id, refused.verdict) for refused in done.refused] == [(strangers.export_id, "wrong_table")]
    assert f"(another {differs})" in done.refused[0].message
    assert "confirm" not in done.refused[0].message
    assert f"in `accepts` of Loaded(...), where the pipeline declares silver.{TABLE}" in done.refused[0].message
    assert {export_id for export_id, _ in landing.lines()} == {ours.export_id, next_one.export_id}


def test_another_partition_is_another_table(landing: Landing) -> None:
    landing.full("a", table_id=EQUAL)
    other = landing.full("b", at=AT + HOUR, table_id=EQUAL)
    change_manifest(landing.store, other, SUMMARY_NAME, b'"tableArn":"arn:aws:', b'"tableArn":"arn:aws-cn:')
    (refused,) = landing.ingest().refused
    assert "(another partition)" in refused.message


def test_the_contract_says_whose_exports_come_whatever_lands_first(landing: Landing) -> None:
    """B3: also under another name than the table's own."""
    mine = "arn:aws:dynamodb:eu-west-1:222233334444:table/prod-orders"
    landing.declared = replace(landing.declared, source_arn=mine)
    foreign = landing.full("x")
    ours = landing.full("a", at=AT + HOUR, table_name="prod-orders", region="eu-west-1", account_id="222233334444")
    done = landing.ingest()
    assert [batch.id for batch in done.loaded] == ids(ours)
    assert [refused.export_id for refused in done.refused] == ids(foreign)
    assert recorded(landing).name == mine


def test_a_moved_table_is_accepted_by_its_arn_and_then_confirmed_by_its_id(landing: Landing) -> None:
    """B3: the ARN is taken on purpose; the new table id still stops the loading until a person confirms it."""
    landing.full("a")
    moved = landing.full("b", at=AT + HOUR, region="eu-west-1")
    landing.declared = replace(landing.declared, accepts=(moved.table_arn,))
    (refused,) = landing.ingest().refused
    assert (refused.verdict, f"confirm_table_id: {moved.table_id}" in refused.message) == ("table_recreated", True)


def test_a_replica_that_is_accepted_goes_on_under_the_same_table_id(landing: Landing) -> None:
    landing.full("a", table_id=EQUAL)
    replica = landing.window("b", table_id=EQUAL, region="eu-west-1")
    landing.declared = replace(landing.declared, accepts=(replica.table_arn,))
    assert replica.export_id in [batch.id for batch in landing.ingest().loaded]
    assert recorded(landing).name == OURS


def of_an_earlier_release(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load what lies there as releases did that recorded no ARN."""
    load = module.load_batch
    with monkeypatch.context() as patches:
        patches.setattr(module, "load_batch", lambda *args, notes: load(*args, notes={}))  # noqa: ARG005
        landing.ingest()
    assert recorded(landing).name is None


def test_a_table_of_an_earlier_release_learns_its_arn_from_what_is_in(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B3: once, in an empty commit, before anything else is judged by it."""
    landing.full("a", table_id=EQUAL)
    of_an_earlier_release(landing, monkeypatch)
    before = bronze(landing)
    strangers = landing.full("b", at=AT + HOUR, table_id=EQUAL, account_id="999988887777")
    assert [refused.export_id for refused in landing.ingest().refused] == ids(strangers)
    after = bronze(landing)
    assert (recorded(landing).name, after.version) == (OURS, before.version + 1)
    assert after.files["path"].to_list() == before.files["path"].to_list()
    landing.ingest(NOW + HOUR)
    assert bronze(landing).version == after.version


def test_where_nothing_tells_the_arn_nobody_is_told_to_confirm(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B3: the exports that are in are gone, and one under another id comes."""
    landing.full("a")
    of_an_earlier_release(landing, monkeypatch)
    shutil.rmtree(Path(landing.raw_url) / TABLE / "AWSDynamoDB")
    other = landing.full("b", at=AT + HOUR, account_id="999988887777")
    (refused,) = landing.ingest().refused
    assert (refused.verdict, "confirm" in refused.message) == ("table_recreated", False)
    assert f"if {other.table_arn} is yours, name it as `source_arn`" in refused.message


def test_where_nothing_tells_the_arn_the_next_load_of_the_same_table_id_does(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B3: an upgrade stops no sound table. That nothing else said so is written down, and the contract corrects it."""
    landing.full("a", table_id=EQUAL)
    of_an_earlier_release(landing, monkeypatch)
    shutil.rmtree(Path(landing.raw_url) / TABLE / "AWSDynamoDB")
    strangers = landing.window("b", table_id=EQUAL, account_id="999988887777")
    ours = landing.window("c", begin=AT + HOUR, table_id=EQUAL)
    assert [batch.id for batch in landing.ingest().loaded] == ids(strangers)
    assert recorded(landing).presumed_from == strangers.export_id
    landing.declared = replace(landing.declared, source_arn=OURS)
    assert [batch.id for batch in landing.ingest().loaded] == ids(ours)
    assert recorded(landing) == Owner(table=TABLE, name=OURS)


def test_a_confirmation_does_not_say_whose_table_it_was(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """B3: while nothing tells the ARN it counts for nothing; named by the contract, the new table comes in."""
    landing.full("a")
    of_an_earlier_release(landing, monkeypatch)
    shutil.rmtree(Path(landing.raw_url) / TABLE / "AWSDynamoDB")
    new = landing.full("b", at=AT + HOUR, table_id="new")
    confirm(landing, new.table_id)
    assert [refused.verdict for refused in landing.ingest().refused] == ["table_recreated"]
    landing.declared = replace(landing.declared, source_arn=OURS)
    assert [batch.id for batch in landing.ingest().loaded] == ids(new)


def test_what_a_former_table_exports_after_its_end_is_told(landing: Landing) -> None:
    """B3: it comes in, and nothing of it counts; a full export that a person rejected has ended nothing."""
    landing.full("a", table_id="old")
    landing.ingest()
    began = landing.full("b", at=AT + 2 * HOUR, table_id="new")
    confirm(landing, "new")
    landing.ingest()
    over = landing.window("c", begin=AT + HOUR, table_id="old")
    window = landing.window("c", begin=AT + 3 * HOUR, table_id="old")
    after = [window, landing.full("c", at=AT + 9 * HOUR, table_id="old")]
    done = landing.ingest()
    assert [batch.id for batch in done.loaded] == ids(over, *after)
    assert list(done.outdated) == ids(*after)
    assert "counts, for it begins after its table ended" in done.outdated[after[0].export_id]
    record_decisions(landing.lakehouse, [replace(decision(began.export_id), action=DecisionAction.REJECT)])
    landing.window("d", begin=AT + 4 * HOUR, table_id="old")
    assert landing.ingest().outdated == {}


def test_an_arn_that_is_accepted_is_never_the_tables_own(landing: Landing) -> None:
    """B3: also when its export is loaded first."""
    replica = landing.full("a", region="eu-west-1", table_id=EQUAL)
    ours = landing.window("b", table_id=EQUAL)
    landing.declared = replace(landing.declared, accepts=(replica.table_arn,))
    assert [batch.id for batch in landing.ingest().loaded] == ids(replica, ours)
    assert recorded(landing).name == OURS


def test_an_arn_that_moves_to_accepts_reopens_what_it_had_refused(landing: Landing) -> None:
    """B3: the contract named the wrong ARN as the table's own."""
    landing.full("a", table_id=EQUAL)
    landing.ingest()
    landing.declared = replace(landing.declared, source_arn="arn:aws:dynamodb:eu-west-1:111122223333:table/orders")
    ours = landing.window("b", table_id=EQUAL)
    assert [refused.verdict for refused in landing.ingest().refused] == ["wrong_table"]
    arn = landing.declared.source_arn
    assert arn is not None
    landing.declared = replace(landing.declared, source_arn=None, accepts=(arn,))
    assert [batch.id for batch in landing.ingest().loaded] == ids(ours)


def test_what_was_rolled_back_tells_nothing(landing: Landing) -> None:
    """B3: the log still names it."""
    landing.full("a", table_id=EQUAL)
    landing.ingest()
    before = bronze(landing).version
    landing.full("b", at=AT + HOUR, table_id="new")
    confirm(landing, "new")
    landing.ingest()
    assert latest_origin(bronze(landing))[1] == "new"
    bronze(landing).delta.restore(before)
    assert latest_origin(bronze(landing))[1] == EQUAL


@pytest.mark.parametrize("arn", ["orders", "arn:aws:s3:::orders", f"{OURS}/export/1", f"{OURS} "])
def test_a_contract_names_arns_of_tables_alone(arn: str) -> None:
    with pytest.raises(PermanentError, match="ARNs arn:"):
        declared(ORDERS, source_arn=arn)
    with pytest.raises(PermanentError, match="ARNs arn:"):
        declared(ORDERS, accepts=(OURS, arn))


def test_what_the_contract_says_is_part_of_a_refusals_fingerprint() -> None:
    """B3: a changed contract reopens what it had refused; what was learnt from an export does not."""
    assert declared(ORDERS, source_arn=OURS).owner.declared_text == f"source_arn={OURS}"
    assert Owner(table=TABLE, accepts=(OURS,)).declared_text == f"accepts={OURS}"
    assert Owner(table=TABLE, name=OURS).declared_text == ""
    assert SOURCE_ARN_NOTE.startswith("medallion_")

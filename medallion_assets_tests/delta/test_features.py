"""Features of Delta that somebody switched on: each that is in the way is named before any work, and no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError, PermanentError, TableFeatureError, TransientError

SALES = Table(
    name="silver.sales",
    description="sales",
    key=("sale_id",),
    partition_by="day",
    columns=(
        Column("sale_id", Integer(), "its number"),
        Column("day", Date(), "when"),
        Column("shop", Text(), "where"),
    ),
)
Actions = list[dict[str, Any]]
NOT_OPENED = "somethingNew"
OF_READERS = (
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "variantType",
    "variantType-preview",
    "variantShredding-preview",
    NOT_OPENED,
)
OF_WRITERS = (
    "allowColumnDefaults",
    "checkpointProtection",
    "clustering",
    "collations",
    "coordinatedCommits-preview",
    "domainMetadata",
    "icebergCompatV1",
    "icebergCompatV2",
    "icebergCompatV3",
    "identityColumns",
    "inCommitTimestamp",
    "inCommitTimestamp-preview",
    "materializePartitionColumns",
    "redirectWriterOnly-preview",
    "rowTracking",
    "somethingNewAsWell",
)
ACCEPTED_BY_DELTA_RS = {"v2Checkpoint", "variantType", "variantType-preview"}
"""It would commit to these tables, whatever is in their logs."""
UNUSED = (
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    "deletionVectors",
    "generatedColumns",
    "invariants",
    "timestampNtz",
)
"""A protocol that names these asks for nothing while no property or column does."""
PROPERTIES = {
    "delta.appendOnly": ("appendOnly", "'delta.appendOnly' = 'false'"),
    "delta.constraints.a{b}": ("checkConstraints (a{b})", "DROP CONSTRAINT a{b}"),
    "delta.enableChangeDataFeed": ("changeDataFeed", "'delta.enableChangeDataFeed' = 'false'"),
    "delta.enableDeletionVectors": ("deletionVectors", "'delta.enableDeletionVectors' = 'false'"),
}
VECTOR = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"
"""It takes out rows 3, 4, 7, 11, 18 and 29."""
COLUMNS = {
    "delta.generationExpression": "generatedColumns (column shop)",
    "delta.invariants": "invariants (column shop)",
}


@pytest.fixture
def sales(tmp_path: Path) -> Snapshot:
    """A table with one row."""
    lakehouse = Lakehouse(url=str(tmp_path))
    snapshot = lakehouse.ready(SALES)
    snapshot.commit([written(snapshot, 1)])
    return lakehouse.open(SALES)


def written(snapshot: Snapshot, sale_id: int) -> Any:
    rows = pl.DataFrame({"sale_id": [sale_id], "day": [date(2025, 1, 1)], "shop": ["a"]})
    return snapshot.folder.write(rows.lazy(), partition=date(2025, 1, 1))


def write(sales: Snapshot, actions: Actions) -> None:
    """Another engine's next commit."""
    log = Path(sales.uri) / "_delta_log"
    version = max(int(path.stem) for path in log.glob("*.json")) + 1
    (log / f"{version:020d}.json").write_text("\n".join(map(json.dumps, actions)))


def protocol(name: str, *, reads: bool) -> Actions:
    features = {"readerFeatures": [name]} if reads else {}
    action = {"minReaderVersion": 3 if reads else 1, "minWriterVersion": 7, "writerFeatures": [name], **features}
    return [{"protocol": action}]


def metadata(
    sales: Snapshot, *, properties: dict[str, str] | None = None, column: dict[str, Any] | None = None
) -> Actions:
    """The table's, with more properties, or with more about its last column."""
    lines = (Path(sales.uri) / "_delta_log" / f"{0:020d}.json").read_text().splitlines()
    action = next(found for line in lines if "metaData" in (found := json.loads(line)))
    action["metaData"]["configuration"] |= properties or {}
    schema = json.loads(action["metaData"]["schemaString"])
    schema["fields"][-1] |= column or {}
    action["metaData"]["schemaString"] = json.dumps(schema)
    return [action]


def commit_of_delta_rs(sales: Snapshot) -> None:
    """Without this project's look at the protocol."""
    delta = DeltaTable(sales.uri)
    once = CommitProperties(max_commit_retries=0)
    delta.create_write_transaction([], "append", delta.schema(), ["day"], commit_properties=once)


@pytest.mark.parametrize("name", OF_READERS)
def test_what_cannot_be_read_is_not_opened(sales: Snapshot, name: str) -> None:
    write(sales, protocol(name, reads=True))
    with pytest.raises(TableFeatureError) as caught:
        sales.lakehouse.open(SALES)
    parts = caught.value.parts
    assert parts["what"] == "silver.sales has Delta features with which it cannot be read"
    assert parts["found"] == name
    assert sales.uri in str(parts["expected"])
    assert "DROP FEATURE" not in str(parts["do"]), "it would leave checkpoint protection, which is not written either"
    assert sales.lakehouse.open(SALES, version=sales.version).row_count == 1, "as it was before"


@pytest.mark.parametrize("name", OF_WRITERS)
def test_what_cannot_be_written_is_refused_before_the_work(sales: Snapshot, name: str) -> None:
    """And read as before."""
    write(sales, protocol(name, reads=False))
    for use in (sales.lakehouse.ready, sales.lakehouse.open_any):
        with pytest.raises(TableFeatureError, match=rf"silver.sales .* cannot be written; .*found: {name};"):
            use(SALES)
    latest = sales.lakehouse.open(SALES)
    assert latest.scan().collect().height == 1
    with pytest.raises(TableFeatureError, match="cannot be written"):
        latest.commit()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OF_READERS, *OF_WRITERS])
def test_what_delta_rs_itself_refuses_is_known(sales: Snapshot, name: str) -> None:
    """It does when all work is done; a release of it that accepts more is to be looked at."""
    write(sales, protocol(name, reads=name in OF_READERS))
    if name in ACCEPTED_BY_DELTA_RS:
        commit_of_delta_rs(sales)
        return
    with pytest.raises(DeltaError, match=r"Unsupported table features|is not supported"):
        commit_of_delta_rs(sales)


@pytest.mark.parametrize("name", UNUSED)
def test_a_feature_that_nothing_uses_is_in_no_way(sales: Snapshot, name: str) -> None:
    write(sales, protocol(name, reads=name in ("columnMapping", "deletionVectors", "timestampNtz")))
    snapshot = sales.lakehouse.ready(SALES)
    snapshot.commit([written(snapshot, 2)])
    assert sales.lakehouse.open(SALES).row_count == 2


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_protocols_without_names_are_written(sales: Snapshot, version: int) -> None:
    write(sales, [{"protocol": {"minReaderVersion": 1 if version < 5 else 2, "minWriterVersion": version}}])
    snapshot = sales.lakehouse.ready(SALES)
    snapshot.commit([written(snapshot, 2)])
    assert sales.lakehouse.open(SALES).row_count == 2


def test_the_sixth_protocol_of_writers_has_identity_columns(sales: Snapshot) -> None:
    write(sales, [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 6}}])
    with pytest.raises(TableFeatureError, match="identityColumns"):
        sales.lakehouse.ready(SALES)


@pytest.mark.parametrize("key", PROPERTIES)
def test_a_property_that_asks_more_of_writers_is_named(sales: Snapshot, key: str) -> None:
    """delta-rs commits to these, but removals where the table is for appending only."""
    name, without = PROPERTIES[key]
    write(sales, metadata(sales, properties={key: "true"}))
    with pytest.raises(TableFeatureError) as caught:
        sales.lakehouse.ready(SALES)
    assert caught.value.found == name
    assert without in str(caught.value.do)
    assert sales.lakehouse.open(SALES).scan().collect().height == 1
    commit_of_delta_rs(sales)


@pytest.mark.parametrize("key", COLUMNS)
def test_a_column_that_asks_more_of_writers_is_named(sales: Snapshot, key: str) -> None:
    write(sales, metadata(sales, column={"metadata": {key: "{}"}}))
    with pytest.raises(TableFeatureError) as caught:
        sales.lakehouse.ready(SALES)
    assert caught.value.found == COLUMNS[key]


def test_a_column_that_must_not_be_null_is_named(sales: Snapshot) -> None:
    """K3: tombstones hold nothing but their key."""
    write(sales, metadata(sales, column={"nullable": False}))
    with pytest.raises(TableFeatureError, match=r"not null \(shop\).*ALTER COLUMN shop DROP NOT NULL"):
        sales.lakehouse.ready(SALES)


@pytest.mark.parametrize("key", ["delta.appendOnly", "delta.enableChangeDataFeed"])
def test_loads_add_files_only(tmp_path: Path, key: str) -> None:
    """So these properties of a Bronze table are kept."""
    lakehouse, bronze = Lakehouse(url=str(tmp_path)), replace(SALES, name="bronze.sales", is_appended=True)
    snapshot = lakehouse.ready(bronze)
    write(snapshot, metadata(snapshot, properties={key: "true"}))
    snapshot = lakehouse.ready(bronze)
    snapshot.commit([written(snapshot, 1)])
    assert lakehouse.open(bronze).row_count == 1


@pytest.mark.parametrize(("reads", "writes", "named"), [(3, 7, "catalogManaged"), (4, 8, "a protocol later")])
def test_what_delta_rs_does_not_open_is_named(sales: Snapshot, reads: int, writes: int, named: str) -> None:
    features = {kind: ["catalogManaged"] for kind in ("readerFeatures", "writerFeatures")}
    write(sales, [{"protocol": {"minReaderVersion": reads, "minWriterVersion": writes, **features}}])
    with pytest.raises(TableFeatureError, match=named):
        sales.lakehouse.open(SALES)


@pytest.mark.parametrize("name", ["v2Checkpoint", "typeWidening", "rowTracking", "inCommitTimestamp", NOT_OPENED])
def test_a_feature_that_comes_between_read_and_commit_is_named_by_the_next_try(sales: Snapshot, name: str) -> None:
    """The commit is of the version that was read: it loses to the change of the protocol, whatever that is."""
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        snapshot = sales.lakehouse.ready(SALES)
        file = written(snapshot, 2)
        write(sales, protocol(name, reads=name in OF_READERS))
        snapshot.commit([file])

    with pytest.raises(TableFeatureError, match=name):
        until_committed(work)
    assert tries == (1 if name == NOT_OPENED else 2), "a lost commit looks at the log, which cannot be read then"
    log = sorted((Path(sales.uri) / "_delta_log").glob("*.json"))
    assert int(log[-1].stem) == sales.version + 1, "nothing of ours came after it"


def test_rows_that_a_deletion_vector_takes_out_are_not_read_again(tmp_path: Path) -> None:
    """Files read by name still hold them."""
    lakehouse = Lakehouse(url=str(tmp_path))
    snapshot = lakehouse.ready(SALES)
    rows = pl.DataFrame({"sale_id": range(30), "day": [date(2025, 1, 1)] * 30, "shop": ["a"] * 30})
    snapshot.commit([snapshot.folder.write(rows.lazy(), partition=date(2025, 1, 1))])
    text = (Path(snapshot.uri) / "_delta_log" / f"{1:020d}.json").read_text()
    (added,) = [action["add"] for line in text.splitlines() if "add" in (action := json.loads(line))]
    vector = {"storageType": "i", "pathOrInlineDv": VECTOR, "sizeInBytes": 44, "cardinality": 6}
    write(snapshot, [*protocol("deletionVectors", reads=True), {"add": {**added, "deletionVector": vector}}])
    kept = pl.DataFrame(DeltaTable(snapshot.uri).deletion_vectors())["selection_vector"].explode()
    assert (~kept).sum() == 6, "as delta-rs reads it"
    with pytest.raises(TableFeatureError, match=r"cannot be read.*found: deletionVectors;.*APPLY \(PURGE\)"):
        lakehouse.open(SALES)


def test_what_row_tracking_leaves_behind_is_dropped_after_it(sales: Snapshot) -> None:
    (action,) = protocol("rowTracking", reads=False)
    action["protocol"]["writerFeatures"] = ["domainMetadata", "rowTracking"]
    write(sales, [action])
    with pytest.raises(TableFeatureError, match=r"DROP FEATURE rowTracking; .* DROP FEATURE domainMetadata\)"):
        sales.lakehouse.ready(SALES)


def test_no_statement_is_named_that_takes_the_ledger_with_it(sales: Snapshot) -> None:
    write(sales, protocol("checkpointProtection", reads=False))
    with pytest.raises(TableFeatureError, match="what to do: move its folder out of the lakehouse"):
        sales.lakehouse.ready(SALES)


def test_a_commit_that_lost_to_another_protocol_is_a_conflict(sales: Snapshot) -> None:
    write(sales, protocol("deletionVectors", reads=True))
    with pytest.raises(CommitConflictError):
        sales.commit([written(sales, 2)])


def test_the_error_is_permanent() -> None:
    """Nobody repeats what it says."""
    assert [kind for kind in TableFeatureError.mro() if kind in (PermanentError, TransientError)] == [PermanentError]

"""Complete exports only, each exactly once, and nothing bad stops the others (rules B1, B3 to B5)."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.loading.refused_batches import read_refusals
from medallion_assets.sources.dynamodb_export.manifest import SUMMARY_NAME, ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing, ids, keys
from medallion_assets_tests.services.moto_exports import exported_by_moto
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_manifest
from medallion_assets_tests.sources.dynamodb_export.test_read import REAL_EXPORT
from medallion_assets_tests.sources.dynamodb_export.test_verify import BAD_INPUT


def test_every_bad_export_gets_its_verdict_and_stops_no_other(landing: Landing) -> None:
    """B1: nothing of it is loaded, the verdict is kept, the exports around it are in."""
    before, after = landing.full("a", seed=1), landing.full("b", at=AT + HOUR)
    bad = {name: landing.full("x", "y", seed=seed) for seed, name in enumerate(BAD_INPUT, start=2)}
    for name, (spoil, _) in BAD_INPUT.items():
        spoil(landing.store, bad[name])
    done = landing.ingest()
    assert landing.lines() == keys((before, "a"), (after, "b"))
    waiting = [name for name, (_, verdict) in BAD_INPUT.items() if verdict is Verdict.WAITING]
    assert sorted(done.waiting) == sorted(ids(*(bad[name] for name in waiting)))
    refused = {refusal.export_id: refusal for refusal in done.refused}
    for name in BAD_INPUT.keys() - {*waiting}:
        refusal = refused.pop(bad[name].export_id)
        assert refusal.verdict == BAD_INPUT[name][1].value, name
        assert "what to do" in refusal.message, name
        assert read_refusals(landing.lakehouse, TABLE)[bad[name].export_id, ""] == refusal, name
    assert refused == {}


def test_an_export_of_another_table_is_refused_for_good(landing: Landing) -> None:
    """B3: a wrong tableArn; the others of the folder go on."""
    foreign = landing.full("x", table_name="invoices")
    good = landing.full("a")
    done = landing.ingest()
    assert [(refused.export_id, refused.verdict) for refused in done.refused] == [(foreign.export_id, "wrong_table")]
    assert landing.lines() == keys((good, "a"))


def test_bronze_keeps_lines_unchanged_with_where_they_come_from(landing: Landing) -> None:
    """B4: columns, windows, line numbers from 1 in each file, the partition by the export's start."""
    line = '{"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"pk":{"S":"é\\u0000"}}} '
    export = landing._write(
        ExportType.INCREMENTAL, AT, AT + HOUR, [[], [line, "not json", ""]], started_at=AT + timedelta(days=3)
    )
    landing.ingest()
    bronze = landing.lakehouse.open(bronze_table(TABLE))
    rows = bronze.scan().sort("_line_number").collect()
    file = export.files[1].key
    facts = (export.export_id, "INCREMENTAL_EXPORT", AT, AT + HOUR, file)
    day = date(2025, 2, 4)
    assert rows.rows() == [
        (line, *facts, 1, NOW, day),
        ("not json", *facts, 2, NOW, day),
        ("", *facts, 3, NOW, day),
    ]
    assert bronze.partitions == [day]
    (raw,) = batches_in(bronze, EXPORTS)
    assert (raw.id, raw.kind, raw.records) == (export.export_id, "INCREMENTAL_EXPORT", 3)
    assert (raw.covers_from, raw.covers_to) == (AT, AT + HOUR)


def test_an_empty_export_is_in_without_a_line(landing: Landing) -> None:
    """B1: zero items are complete; the ledger knows the export all the same."""
    export = landing.full()
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)
    assert landing.lines() == []
    assert [batch.id for batch in batches_in(landing.lakehouse.open(bronze_table(TABLE)), EXPORTS)] == ids(export)
    assert landing.ingest().loaded == []


def test_foreign_files_and_folders_are_passed_over(landing: Landing) -> None:
    """B1: what belongs to no export is neither loaded nor in the way."""
    export = landing.window("a")
    for key in ("AWSDynamoDB/data/notes.json.gz", "AWSDynamoDB/readme.txt", "AWSDynamoDB/0123/x", "other/file.json"):
        write_bytes(landing.store, key, b"foreign")
    done = landing.ingest()
    assert ([batch.id for batch in done.loaded], done.refused, done.waiting) == (ids(export), [], [])


def test_ingesting_again_changes_nothing(landing: Landing) -> None:
    """B5: exports that are in are skipped, without a commit."""
    export = landing.full("a")
    first, second = landing.ingest(), landing.ingest(NOW + HOUR)
    assert (second.loaded, second.version) == ([], first.version)
    assert landing.lines() == keys((export, "a"))


def test_one_export_under_two_prefixes_is_loaded_once(landing: Landing) -> None:
    """B5: the export id decides, under whatever prefix it comes."""
    export = landing.full("a")
    shutil.copytree(f"{landing.raw_url}/{TABLE}/AWSDynamoDB", f"{landing.raw_url}/{TABLE}/copied/twice/AWSDynamoDB")
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)
    assert landing.ingest().loaded == []
    assert landing.lines() == keys((export, "a"))


def test_a_good_copy_is_loaded_beside_a_bad_one(landing: Landing) -> None:
    """B1 and B5: the copy that verifies counts."""
    export = landing.full("a")
    shutil.copytree(f"{landing.raw_url}/{TABLE}/AWSDynamoDB", f"{landing.raw_url}/{TABLE}/copied/AWSDynamoDB")
    change_manifest(landing.store, export, SUMMARY_NAME, b'"itemCount":1', b'"itemCount":2')
    done = landing.ingest()
    assert ([batch.id for batch in done.loaded], [refused.prefix for refused in done.refused]) == (ids(export), [""])
    assert landing.lines() == keys((export, "a"))


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export (../shared/data) is not here")
def test_a_real_export_loads_as_it_is(tmp_path: Path) -> None:
    """B1: as AWS wrote it: a prefix, two empty data files first."""
    table = "dynamodb-export-to-s3-and-query-with-athena-playground-v2-MyTable-1WGSJ3W2WJWPK"
    landing = Landing(tmp_path, table)
    shutil.copytree(REAL_EXPORT, f"{landing.raw_url}/{table}")
    done = landing.ingest()
    assert [(batch.id, batch.records) for batch in done.loaded] == [("01605130432834-8a918b87", 3)]
    assert [line for _, line in landing.lines()] == [
        f'{{"Item":{{"pk":{{"S":"pk00{n}-1605121017583"}},"sk":{{"S":"sk00{n}"}}}}}}' for n in (1, 2, 3)
    ]


@mock_aws
def test_what_moto_exports_loads(landing: Landing) -> None:
    """B1: a table exported through ExportTableToPointInTime; moto leaves the manifests out, the writer adds them."""
    lines = exported_by_moto([{"pk": {"S": key}} for key in "abc"])
    export = landing._write(ExportType.FULL, AT, AT, [[lines]])
    landing.ingest()
    compact = [(export_id, line.replace(" ", "")) for export_id, line in landing.lines()]
    assert sorted(compact) == keys((export, "a b c"))


def test_a_place_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    """Nothing found is never well: neither the folder nor an empty Bronze table is made."""
    landing = Landing(tmp_path)
    with pytest.raises(PermanentError, match=r"raw place of orders is missing.*let its exports arrive in"):
        landing.ingest()
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_named_and_does_not_lie_there_is_refused_with_those_that_do(tmp_path: Path) -> None:
    """A misspelled id, or another table's; what is in may be named again."""
    landing = Landing(tmp_path)
    first, second = landing.full("a"), landing.full("b", at=AT + HOUR)
    with pytest.raises(
        PermanentError, match=rf"exports of this table: {second.export_id}, {first.export_id}; found: x"
    ):
        landing.ingest(only=["x", first.export_id])
    assert not (tmp_path / "lakehouse").exists()
    for _ in range(2):
        done = landing.ingest(only=[first.export_id])
    assert (done.loaded, {export for export, _ in landing.lines()}) == ([], {first.export_id})

"""Exports and lakehouse on S3: the whole way from a bucket to Gold, by the standard AWS variables."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.refining.loading.load import ingest
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError
from medallion_assets.sources.dynamodb_export.verified_lines import ReadSizes, export_lines
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, delete_line, item_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS, micros
from medallion_assets_tests.services.s3 import S3Server
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_data

AT = datetime(2025, 3, 8, 12, tzinfo=UTC)


@pytest.mark.slow
def test_from_exports_to_gold_in_one_bucket(s3_server: S3Server) -> None:
    """B1, B5, K1 to K3, H2, G2, G3: a folder named as a partition above the lakehouse does no harm."""
    bucket, options = s3_server.make_bucket(), s3_server.environment
    raw_url = f"s3://{bucket}/raw"
    lakehouse = Lakehouse(url=f"s3://{bucket}/env=test/lake", storage_options=options, engine=pipeline.default_engine())
    fulls = {
        "customer_transactions": [item_line(transaction("t1")), item_line(transaction("t2", amount={"N": "2.5"}))],
        "customers": [item_line(customer())],
    }
    for table, lines in fulls.items():
        write_export(
            open_store(f"{raw_url}/{table}", options),
            table_name=table,
            export_type=ExportType.FULL,
            from_at=AT,
            to_at=AT,
            files=[[], lines],
        )
    run(lakehouse, raw_url)
    deleted = delete_line(micros(AT) + 1, key_of(transaction("t2")))
    added = upsert_line(micros(AT) + 2, transaction("t3", transaction_timestamp={"S": "2025-03-08T12:00:00Z"}))
    write_export(
        open_store(f"{raw_url}/{TRANSACTIONS}", options),
        table_name=TRANSACTIONS,
        export_type=ExportType.INCREMENTAL,
        from_at=AT,
        to_at=AT + timedelta(hours=1),
        files=[[deleted, added]],
    )
    run(lakehouse, raw_url)
    assert run(lakehouse, raw_url) == 0
    silver = pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS)
    assert [(row["transaction_id"], row["is_deleted"]) for row in silver] == [
        ("t1", False),
        ("t2", True),
        ("t3", False),
    ]
    enriched = pipeline.rows(lakehouse, pipeline.ENRICHED_TRANSACTIONS)
    segments = [(row["transaction_id"], row["customer_segment"]) for row in enriched]
    assert segments == [("t1", "retail"), ("t3", "retail")]
    day = enriched[1]["transaction_date"]
    pipeline.run_gold(lakehouse, [day])
    assert [row["transaction_count"] for row in pipeline.rows(lakehouse, pipeline.DAILY_SALES_SUMMARY)] == [1, 1]
    assert [row["order_count"] for row in pipeline.ltv(lakehouse, day)] == [2]


def run(lakehouse: Lakehouse, raw_url: str) -> int:
    """Ingest and refine; how many exports were new."""
    loaded = [
        ingest(lakehouse, raw_url, pipeline.declared(table), now=pipeline.NOW).loaded for table in pipeline.SILVER
    ]
    pipeline.run_silver(lakehouse)
    return sum(map(len, loaded))


@pytest.mark.parametrize("is_bad", [False, True])
def test_large_files_of_an_export_are_downloaded_by_two_and_none_is_left(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_bad: bool
) -> None:
    """B1: each reads every other file; a bad one is named, and no download is kept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = open_store(f"s3://{s3_server.make_bucket()}/raw", s3_server.environment)
    lines = [[item_line(transaction(f"t{file}-{n}")) for n in range(20)] for file in range(6)]
    export = write_export(
        store, table_name=TRANSACTIONS, export_type=ExportType.FULL, from_at=AT, to_at=AT, files=lines
    )
    if is_bad:
        change_data(store, export, 3, b"no gzip")
    frames = export_lines(store, export, ReadSizes(side_by_side=1, small_file=0, short_text=0, frame=1))
    if is_bad:
        with pytest.raises(ExportRefusedError, match=export.files[3].key):
            list(frames)
    else:
        read, held = [], []
        for frame in frames:
            read += frame["raw"].to_list()
            held.append(len(list(tmp_path.iterdir())))
        assert sorted(read) == sorted(line for some in lines for line in some)
        assert 1 <= max(held) <= 4, "two that are read, and two that are next"
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_does_not_answer_is_tried_again_later(s3_server: S3Server) -> None:
    """The error is a transient one, and says which table."""
    options = {**s3_server.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "max_retries": "0"}
    lakehouse = Lakehouse(url="s3://bucket/lake", storage_options=options, engine=pipeline.default_engine())
    with pytest.raises(TransientError, match=r"silver\.customers: the storage did not answer"):
        lakehouse.open(pipeline.CUSTOMERS)

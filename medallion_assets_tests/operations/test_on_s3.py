"""Explain, verify and redrive on S3: the same answers from a bucket."""

from __future__ import annotations

import obstore
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.redrive import redrive
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.operations.small_lakehouse import exports
from medallion_assets_tests.pipeline import (
    CATALOG,
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    NOW,
    WITH_EURO,
    declared,
    land,
    run_silver,
)
from medallion_assets_tests.services.s3 import S3Server


@pytest.fixture
def lakehouse(s3_server: S3Server) -> Lakehouse:
    """The small lakehouse in a bucket."""
    url = f"s3://{s3_server.make_bucket()}/lake"
    lakehouse = Lakehouse(catalog=CATALOG, url=url, storage_options=s3_server.environment)
    for export in exports():
        land(lakehouse, export)
    run_silver(lakehouse)
    return lakehouse


def test_a_bucket_is_verified_and_what_is_broken_in_it_is_found(lakehouse: Lakehouse) -> None:
    """An object that is gone, one that was cut, a commit that is empty: each in its table."""
    answer = verify(lakehouse, deep=True)
    assert (answer.findings, answer.notes) == ([], [])
    store = open_store(lakehouse.url, lakehouse.storage_options)
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    obstore.delete(store, f"silver/customer_transactions/{silver.files['path'][0]}")
    write_bytes(store, f"silver/customers/{lakehouse.open(CUSTOMERS).files['path'][0]}", b"PAR1")
    last = lakehouse.open(bronze_table("customers")).version
    write_bytes(store, f"bronze/customers/_delta_log/{last:020d}.json", b"")
    assert sorted((finding.table, finding.check) for finding in verify(lakehouse).findings) == [
        ("bronze.customers", "commit_is_whole"),
        ("silver.customer_transactions", "file_is_present"),
        ("silver.customers", "file_has_its_size"),
    ]


@pytest.mark.slow
def test_a_row_is_driven_again_and_explained(lakehouse: Lakehouse) -> None:
    """C6: on S3 as on disk."""
    assert redrive(lakehouse, declared(WITH_EURO), now=NOW).redriven == 1
    found = explain(lakehouse, declared(WITH_EURO), "t3")
    assert [(record.kind.value, record.redriven_at) for record in found.records] == [("upsert", NOW)]
    assert not found.disagreements

"""Files in a bucket: streamed, packed or not, and under their own names (F1)."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime

from backports.zstd import compress

from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.loading.source_freshness import reach_of
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.pipeline import declared, default_engine
from medallion_assets_tests.refining.test_files import FILES, HEADER, PRICES
from medallion_assets_tests.services.s3 import S3Server


def test_files_of_a_bucket_are_loaded_once_each_and_again_when_they_change(s3_server: S3Server) -> None:
    bucket, options = s3_server.make_bucket(), s3_server.environment
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=options, engine=default_engine())
    place = open_store(f"s3://{bucket}/raw/prices", options)
    loaded = declared(PRICES, source=replace(FILES, pattern="**/prices-*.csv*"))

    def load() -> list[tuple[str, int]]:
        done = ingest(lakehouse, f"s3://{bucket}/raw", loaded, now=datetime.now(UTC))
        assert done.refused == []
        return [(batch.id.partition("@")[0], batch.records) for batch in done.loaded]

    text = f"{HEADER}a,2025-02-01,1,2025-03-01T12:00:00Z,\n".encode()
    write_bytes(place, "prices-1.csv", text)
    write_bytes(place, "2025/03/prices-2.csv.gz", gzip.compress(text))
    write_bytes(place, "2025/prices-3 #ä.csv.zst", compress(text))
    assert sorted(load()) == [("2025/03/prices-2.csv.gz", 1), ("2025/prices-3 #ä.csv.zst", 1), ("prices-1.csv", 1)]
    assert load() == []
    write_bytes(place, "prices-1.csv", text + b"b,2025-02-01,1,2025-03-01T12:00:00Z,\n")
    assert load() == [("prices-1.csv", 2)]
    reach = reach_of(loaded.source.find(place).batches)
    assert reach is not None
    assert reach.tzinfo is not None

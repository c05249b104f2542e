"""Rule K4 once more, a few records at a time: chunks, parts on disk and passes change nothing."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.deriving import changed_days as enrichment
from medallion_assets.refining import duplicates, line_chunks, refine
from medallion_assets.refining import history_table as history_store
from medallion_assets.refining import merge_days as state_days
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.strategies import History, arrivals, settled_histories
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_order_of_arrival import check_silver

BOUNDS = (
    (line_chunks, "CHUNK_RECORDS"),
    (state_days, "DAY_BYTES"),
    (history_store, "EVENTS_BYTES"),
    (refine, "CHUNK_RECORDS"),
    (duplicates, "HASHES_AT_ONCE"),
    (history_store, "EVENTS_AT_ONCE"),
    (enrichment, "ROWS_AT_ONCE"),
)


@examples(10)
@given(data=st.data(), history=settled_histories(), records=st.integers(1, 4))
def test_tables_do_not_depend_on_how_much_is_in_memory(data: st.DataObject, history: History, records: int) -> None:
    """K4, R3, H1: every bound on what is in memory at a time is a few records."""
    batches = data.draw(arrivals(history.exports))
    with TemporaryDirectory() as folder, ExitStack() as patches:
        for module, name in BOUNDS:
            patches.enter_context(mock.patch.object(module, name, records))
        lakehouse = pipeline.lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for batch in batches:
            for export in batch:
                pipeline.land(lakehouse, export)
            pipeline.run_silver(lakehouse)
        check_silver(lakehouse, expected(history.exports, history.decisions))

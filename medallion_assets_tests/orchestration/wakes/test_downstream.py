"""Who is woken by a table that was written: the sensors of what is made from it, but for what the same run makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.contracts.table import Table
from medallion_assets.definitions import build_defs
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.wakes.downstream import TOGETHER_SECONDS, wake_downstream
from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, listen, read
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import REGION

CATALOG = load_catalog(load_settings({}).pipelines)
TRANSACTIONS, CUSTOMERS = CATALOG.loaded_tables
BRONZE = bronze_table(TRANSACTIONS.short_name)
ENRICHED = CATALOG.derived[0].table


class At:
    """An instance of which nothing counts but its folder."""

    def __init__(self, root_directory: Path) -> None:
        self.root_directory = str(root_directory)


def woken(home: Path, written: Table, made: Sequence[Table], catalog: Catalog = CATALOG) -> dict[str, float]:
    """The sensors that are woken by a table which a run of some tables has written, and after how many seconds."""
    keys = frozenset(asset_key(table) for table in made)
    run = dg.DagsterRun(job_name="refine", asset_selection=keys)
    found = dict[str, float]()
    with listen(home) as listener:
        wake_downstream(cast("Any", At(home)), catalog, run, written)
        listener.setblocking(False)
        try:
            while message := read(listener.recv(LONGEST_BYTES)):
                found |= dict.fromkeys(message.sensors, message.after_seconds)
        except BlockingIOError:
            return found
    raise AssertionError("what was said is no message")


@pytest.mark.parametrize(
    ("written", "made", "expected"),
    [
        (BRONZE, [BRONZE], {"table_update_customer_transactions": 0}),
        (BRONZE, [BRONZE, TRANSACTIONS, ENRICHED], {}),
        (CUSTOMERS, [CUSTOMERS], {"table_update_enriched_transactions": 0}),
        (TRANSACTIONS, [TRANSACTIONS, ENRICHED], {}),
    ],
)
def test_what_the_run_does_not_make_itself_is_woken(
    tmp_path: Path, written: Table, made: list[Table], expected: dict[str, float]
) -> None:
    assert woken(tmp_path, written, made) == expected


def test_gold_is_woken_by_its_source_a_moment_later_and_by_nothing_else(tmp_path: Path) -> None:
    of_gold = {f"restated_{gold.table.short_name}": TOGETHER_SECONDS for gold in CATALOG.gold}
    assert len(of_gold) == 2
    assert woken(tmp_path, ENRICHED, [ENRICHED]) == of_gold
    assert woken(tmp_path, CATALOG.gold[0].table, [CATALOG.gold[0].table]) == {}


def test_there_is_a_sensor_of_every_name_that_is_woken(tmp_path: Path) -> None:
    settings = load_settings({"AWS_DEFAULT_REGION": REGION})
    names = {sensor.name for sensor in build_defs(settings).sensors or ()}
    written = [*CATALOG.loaded_tables, *(bronze_table(table.short_name) for table in CATALOG.loaded_tables), ENRICHED]
    for table in written:
        assert woken(tmp_path, table, [table]).keys() <= names

"""A lakehouse is marked before its first sample is in it, and never for real exports."""

from __future__ import annotations

import shutil
from copy import copy
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from medallion_assets.delta.row_tables.identity import LAKEHOUSE, Identity, read_identity
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.loading.samples import identify
from medallion_assets_tests.faults.injection import Disturbance, KilledError, is_killed_after
from medallion_assets_tests.refining.landing import NOW, TABLE, Landing

ACCOUNT = "210987654321"
"""Not the account of samples."""
REMADE = "0f0e0d0c-0000-4000-8000-000000000000"


def known(landing: Landing) -> Identity:
    found = read_identity(landing.lakehouse)
    assert found is not None
    return found


def test_the_first_sample_marks_the_lakehouse_and_a_real_export_does_not(tmp_path: Path) -> None:
    """The account in its ARN tells, whatever its table id."""
    landing = Landing(tmp_path)
    landing.full("a", account_id=ACCOUNT, table_id=REMADE)
    assert landing.ingest().refused == []
    before = known(landing)
    assert not before.is_sample
    sample = landing.window("b", table_id=REMADE)
    landing.declared = replace(landing.declared, accepts=(sample.table_arn,))
    assert landing.ingest().refused == []
    assert known(landing).is_sample
    assert known(landing).lakehouse_id == before.lakehouse_id
    assert known(landing).note == f"export {sample.export_id} of {TABLE}"


def test_nothing_is_loaded_before_the_mark(tmp_path: Path) -> None:
    """Killed after every change of the storage in turn: where a sample is in, the mark is."""
    for at in count():
        landing = Landing(tmp_path / str(at))
        landing.full("a")
        disturbance, killed = Disturbance(at, is_killed_after), copy(landing)
        killed.lakehouse = disturbance.of(landing.lakehouse)
        try:
            killed.ingest()
        except KilledError:
            loaded = loaded_ids(landing.lakehouse.open(bronze_table(TABLE)))
            assert not loaded or known(landing).is_sample
        if not disturbance.has_happened:
            break
    assert at >= 6


@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_a_lakehouse_of_before_is_marked_by_what_bronze_was_loaded_from(tmp_path: Path, account: str | None) -> None:
    """No mark, no exports any more: the table id of samples is known."""
    landing = Landing(tmp_path)
    landing.full("a", **({"account_id": account} if account else {}))
    landing.ingest()
    shutil.rmtree(landing.lakehouse.uri(LAKEHOUSE))
    found = identify(landing.lakehouse, NOW)
    assert found.is_sample is (account is None)
    assert found == known(landing)


def test_an_empty_place_is_no_sample(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert not identify(landing.lakehouse, NOW).is_sample

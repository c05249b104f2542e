"""A lakehouse has one id, whoever asks first, and says for good that it holds samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from medallion_assets.delta.row_tables.identity import LAKEHOUSE, ensure_identity, mark_as_sample, read_identity
from medallion_assets.delta.table import Lakehouse

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2025, 6, 2, 12, tzinfo=UTC)


def nothing() -> None:
    """No sample."""


def lake(folder: Path) -> Lakehouse:
    return Lakehouse(url=str(folder), author={"started_by": "ann"})


def test_the_first_who_asks_makes_it_and_all_others_find_it(tmp_path: Path) -> None:
    made = ensure_identity(lake(tmp_path), now=NOW, first_sample=nothing)
    assert (made.made_at, made.made_by, made.is_sample) == (NOW, "ann", False)
    assert ensure_identity(lake(tmp_path), now=LATER, first_sample=lambda: "never asked") == made
    assert read_identity(lake(tmp_path)) == made


def test_a_look_makes_nothing(tmp_path: Path) -> None:
    assert read_identity(lake(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_its_row_is_completed(tmp_path: Path) -> None:
    """Its maker was killed between the table and the row."""
    lake(tmp_path).create(LAKEHOUSE)
    assert read_identity(lake(tmp_path)) is None
    made = ensure_identity(lake(tmp_path), now=NOW, first_sample=nothing)
    assert read_identity(lake(tmp_path)) == made


def test_four_who_ask_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ensure_identity, lake(tmp_path), now=NOW, first_sample=nothing) for _ in range(3)]
        asked.append(pool.submit(mark_as_sample, lake(tmp_path), now=NOW, note="export 1"))
    assert {answer.result().lakehouse_id for answer in asked} == {read_identity(lake(tmp_path)).lakehouse_id}
    assert read_identity(lake(tmp_path)).is_sample


def test_the_mark_keeps_the_id_names_the_first_sample_and_stays_in_the_log(tmp_path: Path) -> None:
    made = ensure_identity(lake(tmp_path), now=NOW, first_sample=nothing)
    marked = mark_as_sample(lake(tmp_path), now=LATER, note="export 1")
    assert (marked.lakehouse_id, marked.made_at, marked.note) == (made.lakehouse_id, NOW, "export 1")
    version = lake(tmp_path).open(LAKEHOUSE).version
    assert mark_as_sample(lake(tmp_path), now=LATER, note="export 2") == marked
    assert lake(tmp_path).open(LAKEHOUSE).version == version
    assert lake(tmp_path).open(LAKEHOUSE).row_count == 1

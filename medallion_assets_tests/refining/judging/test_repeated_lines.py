"""A batch in which records are repeated is judged as the one in which each is there once (rule R3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.judging.gate import Counts
from medallion_assets.refining.judging.judging import judge_batches
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.oracle.lines import delete_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.planting import AT_MICROS, lake, window_of

pytestmark = pytest.mark.flow

SILVER = pipeline.CUSTOMER_TRANSACTIONS
AT = AT_MICROS + 5
PLAIN = upsert_line(AT, transaction("plain"))
UNKNOWN = upsert_line(AT, transaction("unknown", brand_new={"S": "?"}))
GOOD = (
    PLAIN,
    UNKNOWN,
    upsert_line(AT, transaction("optional", payment_method=None)),
    delete_line(AT, key_of(transaction("deleted"))),
)
PAIRS = [
    [upsert_line(AT, transaction(key, amount={"N": amount})) for amount in amounts]
    for key, amounts in {"differs": ("1", "2"), "one is bad": ("-1", "2")}.items()
]
LINES = (*GOOD, upsert_line(AT, transaction("bad", amount={"N": "-1"})), *chain.from_iterable(PAIRS))


@given(lines=st.lists(st.sampled_from(LINES), max_size=24), bounds=st.sampled_from([Bounds(), small_bounds(2)]))
@examples(40)
def test_repeated_records_are_counted_as_the_first_of_them(lines: list[str], bounds: Bounds) -> None:
    """Good, bad, differing; with unknown attributes; a few at a time, too. The first line of each is kept."""
    once = list(dict.fromkeys(lines))
    counts, kept = judged(lines, bounds)
    expected, _ = judged(once, bounds)
    assert counts == replace(expected, duplicates=len(lines) - len(once))
    conflicting = set(chain.from_iterable(pair for pair in PAIRS if set(pair) <= set(lines)))
    assert counts.reasons.get("conflicting_duplicate", 0) == len(conflicting)
    assert counts.bad == len(conflicting | {line for line in lines if '"-1"' in line})
    assert kept == sorted(lines.index(line) + 1 for line in once)


@pytest.mark.own_engine
@pytest.mark.parametrize(("line", "is_read"), [(PLAIN, False), (UNKNOWN, True)], ids=["plain", "unknown"])
def test_what_is_repeated_is_read_again_only_for_what_was_not_kept(
    monkeypatch: pytest.MonkeyPatch, line: str, *, is_read: bool
) -> None:
    """A line of which only its values count stands aside whole; the name of an unknown attribute does not."""
    read: list[ParquetFiles] = []
    scan = ParquetFiles.scan

    def noted(files: ParquetFiles) -> pl.LazyFrame:
        read.append(files)
        return scan(files)

    monkeypatch.setattr(ParquetFiles, "scan", noted)
    judged([line], Bounds())
    many = len(read)
    judged([line, line], Bounds())
    assert len(read) - many == many + is_read


def judged(lines: Sequence[str], bounds: Bounds) -> tuple[Counts, list[int]]:
    """What is counted of an export with these lines in one file, and the numbers of those that are kept."""
    with TemporaryDirectory() as folder:
        pipeline.land(lake(Path(folder)), window_of(1, *lines))
        bronze: Snapshot = lake(Path(folder), bounds).open(bronze_table(TRANSACTIONS))
        workspace = Path(folder, "workspace")
        workspace.mkdir()
        place = Place(str(workspace))
        result = judge_batches(bronze, pipeline.declared(SILVER), batches_in(bronze, EXPORTS), place)
        kept = pl.concat([part.select("_line_number") for part in (*result.good, *result.bad)]).collect()
        (counts,) = result.counts.values()
        return counts, sorted(kept["_line_number"])

"""Bad records are kept with every reason, once (rules R4, C6, K1)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.judging.quarantine import bad_keys, quarantine, quarantine_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.faults.injection import COMMITS, Call, Disturbance
from medallion_assets_tests.oracle.lines import item_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.planting import AT_MICROS, HOUR, full_of, lake, refined, window_of

SILVER = pipeline.CUSTOMER_TRANSACTIONS
KEPT = quarantine_table(SILVER)


@dataclass(frozen=True)
class Elsewhere(PolarsEngine):
    """Notes the files that others would be handed."""

    handed: list[ParquetFiles] = field(default_factory=list)

    def map_blocks(self, function: Any, files: ParquetFiles, *, folder: Place | None = None) -> Any:
        self.handed.append(files)
        return super().map_blocks(function, files, folder=folder)

    @property
    def here(self) -> Engine:
        return pipeline.default_engine().here


def judged(*export_ids: str) -> pl.LazyFrame:
    """A bad record of each export, as judging gives it."""
    return pl.LazyFrame(
        {
            "_reasons": [["missing"]] * len(export_ids),
            "_reason_columns": [["amount"]] * len(export_ids),
            "raw": ["{}"] * len(export_ids),
            "_export_id": export_ids,
            "_source_file": ["a"] * len(export_ids),
            "_line_number": [1] * len(export_ids),
        },
        schema_overrides={"_line_number": pl.Int64},
    )


def exports(*export_ids: str) -> list[Batch]:
    at = pipeline.NOW
    facts = {"kind": BatchKind.CHANGES, "covers_from": at, "covers_to": at, "started_at": at, "records": 1}
    return [Batch(id=export_id, version=1, **facts) for export_id in export_ids]  # type: ignore[arg-type]


def held(folder: Path) -> list[str]:
    return sorted(lake(folder).open(KEPT).scan().collect()["_export_id"])


def test_a_bad_record_is_kept_with_every_reason_and_its_place(tmp_path: Path) -> None:
    """R4: reasons in the order of the contract, each with its column; the line unchanged."""
    bad = item_line(transaction(amount={"N": "1E-9"}, currency={"S": "EUR"}, quantity={"S": "1"}))
    export = full_of(1, item_line(transaction("good")), bad, "no json")
    refined(lake(tmp_path), export)
    rows = lake(tmp_path).open(KEPT).scan().sort("_line_number").collect().to_dicts()
    place = {"_export_id": export.export_id, "_source_file": "a", "failed_at": pipeline.NOW, "redriven_at": None}
    assert rows == [
        {
            "reasons": ["too_many_decimals", "wrong_type", "currency_unsupported"],
            "reason_columns": ["amount", "quantity", "currency"],
            "raw": bad,
            "_line_number": 2,
            **place,
        },
        {"reasons": ["malformed_json"], "reason_columns": [None], "raw": "no json", "_line_number": 3, **place},
    ]


def test_an_exports_records_are_kept_once(tmp_path: Path) -> None:
    """C6: under its own transaction; a repeated run finds them there, another export joins them."""
    lakehouse = lake(tmp_path)
    bad = judged("e1", "e2")
    assert quarantine(lakehouse, pipeline.declared(SILVER), bad, exports("e1"), now=pipeline.NOW) == 1
    assert quarantine(lakehouse, pipeline.declared(SILVER), bad, exports("e1"), now=pipeline.NOW) is None
    assert held(tmp_path) == ["e1"]
    assert quarantine(lakehouse, pipeline.declared(SILVER), bad, exports("e1", "e2"), now=pipeline.NOW) == 2
    assert held(tmp_path) == ["e1", "e2"]


def test_exports_without_bad_records_make_no_commit(tmp_path: Path) -> None:
    assert quarantine(lake(tmp_path), pipeline.declared(SILVER), judged("e1"), exports("e2"), now=pipeline.NOW) is None
    assert lake(tmp_path).open(KEPT).version == 0


def test_another_run_that_comes_between_is_seen(tmp_path: Path) -> None:
    """C6: it keeps one of the exports; the slower run adds the other alone."""
    lakehouse, bad = lake(tmp_path), judged("e1", "e2")

    def another_keeps(call: Call) -> object:
        quarantine(lakehouse, pipeline.declared(SILVER), bad, exports("e1"), now=pipeline.NOW)
        return call()

    slower = Disturbance(0, another_keeps, COMMITS).of(lakehouse)
    quarantine(slower, pipeline.declared(SILVER), bad, exports("e1", "e2"), now=pipeline.NOW)
    assert held(tmp_path) == ["e1", "e2"]


def test_bad_keys_are_those_of_full_exports_whose_key_can_be_read(tmp_path: Path) -> None:
    """K1: what was bad in a full export was there; windows do not count, nor do keys that nobody can read."""
    lakehouse = lake(tmp_path)
    negative = {"N": "-1"}
    picture = full_of(
        1,
        item_line(transaction("bad", amount=negative)),
        item_line(transaction("twice")),
        item_line(transaction("twice", amount={"N": "2"})),
        item_line(transaction("x", transaction_id={"N": "1"})),
        "no json",
    )
    change = window_of(2, upsert_line(AT_MICROS, transaction("w", amount=negative), keys=key_of(transaction("w"))))
    other = full_of(3, item_line(transaction("late", amount=negative)), at=window_of(2).to_at + HOUR)
    refined(lakehouse, picture, change, other)
    exports = batches_in(lakehouse.open(bronze_table(TRANSACTIONS)), EXPORTS)
    found = bad_keys(lakehouse, pipeline.declared(SILVER), exports[:2][:1]).sort("transaction_id")
    assert found.rows() == [("bad", picture.export_id), ("twice", picture.export_id)]
    fulls = [export for export in exports if export.is_full]
    everything = bad_keys(lakehouse, pipeline.declared(SILVER), fulls)
    other_order = replace(SILVER, key=("customer_id", "transaction_id"))
    assert bad_keys(lakehouse, pipeline.declared(other_order), fulls).columns == [*other_order.key, "_export_id"]
    assert set(everything["transaction_id"]) == {"bad", "twice", "late"}
    assert bad_keys(lakehouse, pipeline.declared(SILVER), []).schema == everything.schema
    assert bad_keys(lake(tmp_path / "new"), pipeline.declared(SILVER), exports).height == 0
    others = Elsewhere(bounds=replace(small_bounds(2), group_rows=1))
    elsewhere = bad_keys(replace(lakehouse, engine=others), pipeline.declared(SILVER), fulls)
    assert elsewhere.sort(elsewhere.columns).equals(everything.sort(everything.columns))
    (files,) = others.handed  # what is more than a block
    assert files.only == ("_export_id", tuple(full.id for full in fulls))  # other rows are passed over
    assert sorted(files.rows) == [1, 5]  # as the log has counted them

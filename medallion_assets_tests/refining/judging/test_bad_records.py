"""Every bad record has a reason with a name; the others live, and nothing is lost (rules R2 to R4, T1 to T4)."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import delete_line, item_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput
from medallion_assets_tests.refining.planting import (
    AT,
    AT_MICROS,
    HOUR,
    MINUTE,
    full_of,
    lake,
    live,
    refined,
    window_of,
)

pytestmark = pytest.mark.flow

SILVER = pipeline.CUSTOMER_TRANSACTIONS
GOOD = [item_line(transaction(f"good{number}")) for number in range(3)]
NUMBERS = count()
FUTURE = {"S": "2025-03-08T12:01:00.000001Z"}  # the export is of 12:00


def bad(**attributes: Any) -> str:
    """Each of another key."""
    return item_line(transaction(f"bad{next(NUMBERS)}", **attributes))


BAD_RECORDS: dict[str, tuple[str, set[str]]] = {
    "malformed JSON": ('{"Item":{"transaction_id":{"S":"bad"}', {"malformed_json"}),
    "an empty line": ("", {"malformed_json"}),
    "JSON of two records": (GOOD[0] + GOOD[1], {"malformed_json"}),
    "neither Item nor Keys": ('{"Metadata":{"WriteTimestampMicros":{"N":"1"}}}', {"unknown_record"}),
}
BAD_VALUES: dict[str, tuple[str, set[str]]] = {
    "key missing": (bad(transaction_id=None), {"missing"}),
    "key empty": (bad(transaction_id={"S": ""}), {"missing"}),
    "key of another type": (bad(transaction_id={"N": "5"}), {"wrong_type"}),
    "number where text is expected": (bad(status={"N": "1"}), {"wrong_type"}),
    "text where a number is expected": (bad(amount={"S": "10"}), {"wrong_type"}),
    "binary where text is expected": (bad(customer_id={"B": "aGk="}), {"wrong_type"}),
    "list where text is expected": (bad(currency={"L": [{"S": "USD"}]}), {"wrong_type"}),
    "38 digits": (bad(amount={"N": "9" * 38}), {"out_of_range"}),
    "38 digits, negative exponent": (bad(amount={"N": f"{'9' * 38}E-30"}), {"too_many_decimals"}),
    "38 digits of a whole number": (bad(quantity={"N": "1" + "0" * 37}), {"out_of_range"}),
    "too many decimals": (bad(amount={"N": "1.00001"}), {"too_many_decimals"}),
    "part of a unit": (bad(quantity={"N": "1.5"}), {"too_many_decimals"}),
    "NaN": (bad(amount={"N": "NaN"}), {"not_a_number"}),
    "Infinity": (bad(amount={"N": "-Infinity"}), {"not_a_number"}),
    "hexadecimal": (bad(quantity={"N": "0x10"}), {"not_a_number"}),
    "nothing where a number is expected": (bad(quantity={"N": ""}), {"not_a_number"}),
    "impossible date": (bad(transaction_timestamp={"S": "2025-02-29T00:00:00Z"}), {"timestamp_malformed"}),
    "leap second": (bad(transaction_timestamp={"S": "2025-03-07T23:59:60Z"}), {"timestamp_malformed"}),
    "zone missing": (bad(transaction_timestamp={"S": "2025-03-07T00:00:00"}), {"timestamp_without_zone"}),
    "before 1990": (bad(transaction_timestamp={"S": "1989-12-31T23:59:59Z"}), {"timestamp_too_old"}),
    "in the future": (bad(transaction_timestamp=FUTURE), {"timestamp_in_future"}),
    "NULL where required": (bad(product_id={"NULL": True}), {"missing"}),
    "white space where text is required": (bad(product_category={"S": " \t"}), {"missing"}),
    "amount of zero": (bad(amount={"N": "0.0000"}), {"amount_out_of_range"}),
    "amount of a million": (bad(amount={"N": "1000000"}), {"amount_out_of_range"}),
    "too many units": (bad(quantity={"N": "10001"}), {"quantity_out_of_range"}),
    "another currency": (bad(currency={"S": "EUR"}), {"currency_unsupported"}),
    "unknown status": (bad(status={"S": "lost"}), {"status_unknown"}),
    "a very long string": (bad(status={"S": "é" * 400_000}), {"status_unknown"}),
    "several reasons": (bad(amount={"N": "x"}, status={"S": "?"}), {"not_a_number", "status_unknown"}),
}
"""Apart from the others: lines that all are records are decoded in another way."""


@pytest.mark.parametrize("bad", [BAD_RECORDS, BAD_VALUES], ids=["records", "values"])
def test_every_bad_record_is_named_and_the_others_live(tmp_path: Path, bad: dict[str, tuple[str, set[str]]]) -> None:
    """R4: every reason code, the line unchanged; the good ones among them are untouched."""
    lakehouse = lake(tmp_path)
    lines = [GOOD[0], *(line for line, _ in bad.values()), *GOOD[1:]]
    export = full_of(1, *lines)
    (counted,) = refined(lakehouse, export, threshold=0.0).applied
    assert live(lakehouse) == dict.fromkeys(("good0", "good1", "good2"), export.export_id)
    kept = lakehouse.open(quarantine_table(SILVER)).scan().collect().sort("_line_number")
    assert kept["_line_number"].to_list() == list(range(2, len(bad) + 2))
    for (name, (line, reasons)), row in zip(bad.items(), kept.iter_rows(named=True), strict=True):
        assert (row["raw"], set(row["reasons"])) == (line, reasons), name
    assert (counted.records, counted.bad) == (len(lines), len(bad))
    nothing_is_lost(lakehouse)


@pytest.mark.parametrize(
    ("keys", "reason"), [({}, "missing"), ({"transaction_id": {"NULL": True}}, "missing"), (None, "unknown_record")]
)
def test_a_change_without_its_key_is_named(tmp_path: Path, keys: Any, reason: str) -> None:
    """R2: an incremental record's key stands in its Keys; so also for a delete."""
    record = {"Metadata": {"WriteTimestampMicros": {"N": str(AT_MICROS)}}, "Keys": keys, "NewImage": transaction()}
    if keys is None:
        del record["Keys"], record["NewImage"]
    lakehouse = lake(tmp_path)
    export = window_of(2, json.dumps(record), upsert_line(AT_MICROS, transaction("a")))
    refined(lakehouse, full_of(1), export)
    assert pipeline.quarantined(lakehouse, SILVER) == {(export.export_id, "a", 1, frozenset({reason}))}
    assert set(live(lakehouse)) == {"a"}
    nothing_is_lost(lakehouse)


FINE: dict[str, dict[str, Any]] = {
    "non-ASCII": {"product_id": {"S": "日本語 \U0001f600 \u0000"}},
    "a very long string": {"product_id": {"S": "é" * 150_000}},
    "payment method unknown": {"payment_method": {"S": "barter"}},
    "payment method missing": {"payment_method": None},
    "attributes nobody knows": {"note to self": {"M": {"a": {"L": [{"NULL": True}]}}}},
    "whole numbers spelled otherwise": {"quantity": {"N": "1.0E1"}, "amount": {"N": "1E-4"}},
    "text in another case": {"currency": {"S": " usd"}, "status": {"S": "COMPLETED "}},
}


@pytest.mark.parametrize("name", FINE)
def test_what_looks_odd_but_is_fine_lives(tmp_path: Path, name: str) -> None:
    """T2, T3: judged by value; a warning keeps the row."""
    lakehouse = lake(tmp_path)
    export = full_of(1, item_line(transaction("odd", **FINE[name])), *GOOD)
    refined(lakehouse, export)
    assert set(live(lakehouse)) == {"odd", "good0", "good1", "good2"}
    nothing_is_lost(lakehouse)
    (row,) = (row for row in pipeline.rows(lakehouse, SILVER) if row["transaction_id"] == "odd")
    if "product_id" in FINE[name]:
        assert row["product_id"] == FINE[name]["product_id"]["S"]


def test_warnings_and_unknown_attributes_are_counted(tmp_path: Path) -> None:
    """T4, schema drift: names and counts."""
    odd = [item_line(transaction(key, payment_method={"S": "barter"}, note={"S": "x"})) for key in "ab"]
    (counted,) = refined(lake(tmp_path), full_of(1, *odd)).applied
    assert (counted.warnings, counted.unknown_attributes) == ({"payment_method_unknown": 2}, {"note": 2})


WINDOWS: dict[str, list[ExportInput]] = {
    "the same window under another id": [window_of(3, upsert_line(AT_MICROS + 1, transaction("a")))],
    "an overlapping window": [
        window_of(3, upsert_line(AT_MICROS + 1, transaction("a")), begin=AT - HOUR, length=3 * HOUR),
    ],
    "a delete of a key that nobody knows": [window_of(3, delete_line(AT_MICROS, key_of(transaction("nobody"))))],
    "an empty window": [window_of(3)],
    "an empty full export, later": [window_of(3), full_of(4, *GOOD, item_line(transaction("a")), at=AT + HOUR)],
}


@pytest.mark.parametrize("name", WINDOWS)
def test_exports_that_overlap_repeat_or_hold_nothing_do_no_harm(tmp_path: Path, name: str) -> None:
    """R3, C1, K3: each record counts once, whatever windows it comes with."""
    lakehouse = lake(tmp_path)
    first = window_of(2, upsert_line(AT_MICROS + 1, transaction("a")))
    done = refined(lakehouse, full_of(1, *GOOD), first, *WINDOWS[name])
    assert (done.gaps, done.failing, len(done.applied)) == ([], None, 2 + len(WINDOWS[name]))
    assert set(live(lakehouse)) == {"a", "good0", "good1", "good2"}
    nothing_is_lost(lakehouse)


def test_a_gap_holds_back_what_is_behind_it(tmp_path: Path) -> None:
    """C1: named with both edges; nothing of it is judged yet."""
    lakehouse = lake(tmp_path)
    behind = window_of(2, "no json", upsert_line(AT_MICROS, transaction("b")), begin=AT + HOUR)
    (gap,) = refined(lakehouse, full_of(1, *GOOD), behind).gaps
    assert (gap.batch_id, gap.covered_until, gap.window_from) == (behind.export_id, AT - MINUTE, AT + HOUR)
    assert set(live(lakehouse)) == {"good0", "good1", "good2"}
    assert pipeline.quarantined(lakehouse, SILVER) == set()


def test_duplicates_of_every_kind_are_accounted_for(tmp_path: Path) -> None:
    """R3: identical ones count once, differing ones are all bad."""
    lakehouse = lake(tmp_path)
    twice = [item_line(transaction("twice")), item_line(transaction("twice", status={"S": "pending"}))]
    refined(lakehouse, full_of(1, *GOOD, *GOOD[:2], *twice))
    assert set(live(lakehouse)) == {"good0", "good1", "good2"}
    assert Counter(reason for *_, reasons in pipeline.quarantined(lakehouse, SILVER) for reason in reasons) == {
        "conflicting_duplicate": 2
    }
    nothing_is_lost(lakehouse, identical=2)


def nothing_is_lost(lakehouse: Lakehouse, *, identical: int = 0) -> None:
    """Every line of Bronze is a row's last word, was overruled by it, lies in quarantine, or repeats another line."""
    lines = lakehouse.open(bronze_table(TRANSACTIONS)).scan().collect()
    kept = lakehouse.open(quarantine_table(SILVER)).scan().collect()
    names = ["_export_id", "_source_file", "_line_number"]
    good = lines.join(kept, on=names, how="anti")
    assert lines.height == good.height + kept.height
    keys = [_key(line) for line in good["raw"]]
    rows = pipeline.rows(lakehouse, SILVER)
    superseded = sum(Counter(keys).values()) - len(set(keys)) - identical
    assert set(keys) <= {row["transaction_id"] for row in rows}
    assert len(rows) + superseded + kept.height + identical == lines.height


def _key(line: str) -> str:
    record = json.loads(line)
    key: str = (record.get("Item") or record["Keys"])["transaction_id"]["S"]
    return key

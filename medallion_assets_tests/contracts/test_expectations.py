"""Records are judged by the expectations of their contract (rules R4, T4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.expectations import Expectation, expect, expect_or_drop, expect_or_fail, judge
from medallion_assets.refining.typing.decode import decode
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.typing.decoding import ITEM, VISITS, bronze, change, item

PRICE = expect_or_drop("price_positive", nw.col("price") > 0, "price")
PAGES = expect_or_drop("pages_few", nw.col("pages") < 10, "pages")
COUNTRY = expect("country_known", nw.col("country").is_in(["US", "FR"]), "country")
MEMBER = expect_or_fail("member", nw.col("is_member"), "is_member")


def judged(line: str, *expectations: Expectation) -> dict[str, Any]:
    return judge(decode(bronze(item(), line), VISITS, EXPORTS), expectations).row(-1, named=True)


@pytest.mark.parametrize(
    ("line", "reasons", "columns"),
    [
        (item(), [], []),
        (item(price={"N": "0"}), ["price_positive"], ["price"]),
        (item(price={"N": "0"}, pages={"N": "10"}), ["price_positive", "pages_few"], ["price", "pages"]),
        (item(price={"N": "x"}, pages={"N": "10"}), ["not_a_number", "pages_few"], ["price", "pages"]),
        (item(pages=None), [], []),
        (change(), [], []),
        (change(ITEM | {"price": {"N": "-1"}}), ["price_positive"], ["price"]),
        ("", ["malformed_json"], [None]),
    ],
)
def test_a_broken_drop_is_a_reason(line: str, reasons: list[str], columns: list[str | None]) -> None:
    """Null counts as met; a column that has a reason is not judged again; deletes are good (rule C3)."""
    record = judged(line, PRICE, PAGES)
    assert (record["_reasons"], record["_reason_columns"]) == (reasons, columns)
    assert record["_warnings"] == record["_failures"] == []


def test_warnings_and_failures_are_no_reasons() -> None:
    record = judged(item(country={"S": "DE"}, member={"BOOL": False}), PRICE, COUNTRY, MEMBER)
    assert (record["_reasons"], record["_warnings"], record["_failures"]) == ([], ["country_known"], ["member"])


def test_a_condition_of_several_columns_has_no_column_of_its_own() -> None:
    """Its place in the list of columns is null."""
    dear = expect_or_drop("dear_pages", nw.col("price") < nw.col("pages"))
    record = judged(item(), PRICE, dear)
    assert (record["_reasons"], record["_reason_columns"]) == (["dear_pages"], [None])


@pytest.mark.parametrize("line", ["", "{}", change()])
def test_conditions_that_hold_of_null_do_not_judge_what_has_no_columns(line: str) -> None:
    """Unreadable records and deletes."""
    present = expect_or_drop("note_present", ~nw.col("note").is_null())
    assert "note_present" not in judged(line, present)["_reasons"]
    assert judged(item(**{"a note": None}), present)["_reasons"] == ["note_present"]


def test_a_column_with_a_reason_is_not_judged_again() -> None:
    present = replace(PRICE, name="price_present", condition=~nw.col("price").is_null())
    assert judged(item(price={"N": "x"}), present)["_reasons"] == ["not_a_number"]


def test_no_expectations_and_no_records() -> None:
    """The new columns are there all the same."""
    assert judged(item())["_warnings"] == judged(item())["_failures"] == []
    none = judge(decode(bronze(), VISITS, EXPORTS), [PRICE, COUNTRY, MEMBER])
    assert none.height == 0
    assert {none.schema[name] for name in ("_reasons", "_reason_columns", "_warnings", "_failures")} == {
        pl.List(pl.String())
    }

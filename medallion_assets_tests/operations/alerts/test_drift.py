"""Drift is reported once an attribute that appeared or is in no record any more, and once a column that means one."""

from __future__ import annotations

import polars as pl
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.operations.alerts.drift import MOST_ALERTS, schema_drift
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.expectation_results import ABSENT, GATE, QUALITY, UNKNOWN
from medallion_assets_tests.operations.planted import NOW, SILVER, results
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.pipeline import EXPORTS as SOURCE

EXPORTS = 6


def exports(*, records: int = 10, many: int = EXPORTS) -> pl.DataFrame:
    """The scores of exports `0000` and so on."""
    return results(*[(0, records)] * many, expectation=QUALITY, kind=GATE)


def attribute(name: str, kind: str, *numbers: int, records: int = 10) -> pl.DataFrame:
    """What the exports of these numbers say of an attribute."""
    said = results(*[(records, records)] * EXPORTS, expectation=name, kind=kind)
    return said.filter(pl.col("export_id").is_in([f"{number:04}" for number in numbers]))


def keys(*parts: pl.DataFrame) -> list[str]:
    found = pl.concat(parts).sort("judged_at", "export_id", "expectation")
    return [alert.key for alert in schema_drift(AlertFacts(results=found, catalog=CATALOG), NOW)]


def test_an_attribute_that_appeared_is_one_alert_however_many_exports_have_it() -> None:
    (alert,) = schema_drift(AlertFacts(results=attribute("coupon", UNKNOWN, 1, 2, 3), catalog=CATALOG), NOW)
    assert (alert.kind, alert.table, alert.key) == ("schema_drift", SILVER, f"schema_drift/{SILVER}/appeared/coupon")
    assert "attribute coupon that the contract lacks, 10 of 10" in alert.what


def test_more_new_attributes_than_anybody_reads_about_are_one_alert() -> None:
    """Items may have an attribute for each of their users."""
    many = [attribute(f"user_{number:03}", UNKNOWN, 1) for number in range(MOST_ALERTS + 30)]
    found = keys(*many)
    assert len(found) == MOST_ALERTS + 1
    assert found[-1] == f"schema_drift/{SILVER}/appeared"


def test_an_attribute_that_the_contract_knows_by_now_is_no_drift() -> None:
    assert keys(attribute("amount", UNKNOWN, 1)) == []


def test_an_attribute_that_vanished_is_named_with_the_first_export_that_lacks_it() -> None:
    assert keys(exports(), attribute("amount", ABSENT, 5)) == [f"schema_drift/{SILVER}/vanished/amount/0005"]


@pytest.mark.parametrize(
    ("absent", "records"),
    [
        ((4, 5), 10),  # four exports had it: too few to know
        ((2, 5), 10),  # it is rare
        ((0, 1, 2, 3, 4, 5), 10),  # it was never there
        ((4,), 10),  # it is back
        ((5,), 9),  # small exports say nothing
    ],
)
def test_what_is_rare_or_back_has_not_vanished(absent: tuple[int, ...], records: int) -> None:
    assert keys(exports(records=records), attribute("amount", ABSENT, *absent)) == []


TICKETS = Table(
    name=SILVER,
    description="",
    key=("id",),
    history=True,
    columns=(
        Column("id", Text(trim=False), "", source="id"),
        Column("who", Text(), "", source="assignee.name", nullable=True),
        Column("owner", Text(), "", source="owner", nullable=True),
    ),
    left_out=("assignee",),
)


def unfilled(*parts: pl.DataFrame) -> list[Alert]:
    catalog = Catalog((Pipeline(name="desk", loaded=(Loaded(table=TICKETS, source=SOURCE),)),))
    found = schema_drift(AlertFacts(results=pl.concat(parts), catalog=catalog), NOW)
    return [alert for alert in found if "/unfilled/" in alert.key]


def test_a_column_that_means_an_attribute_by_another_name_is_named_with_it() -> None:
    """As the check of its run does: also where the attribute is left out on purpose."""
    parts = exports(many=2), attribute("assignee.name", ABSENT, 0, 1), attribute("owner", ABSENT, 0, 1)
    nested, alike = unfilled(*parts, attribute("ownr", UNKNOWN, 1))
    assert (nested.kind, nested.table, nested.key) == (
        "schema_drift",
        SILVER,
        f"schema_drift/{SILVER}/unfilled/who/assignee.name",
    )
    assert "no record fills the column who; expected: its source assignee.name" in nested.what
    assert "found: in none of 20" in nested.what
    assert "assignee exists as an attribute, but values nested in a map cannot be read" in nested.do
    assert alike.do == f"correct owner in the contract of {SILVER}: did you mean ownr?"


@pytest.mark.parametrize(
    "parts",
    [
        (exports(many=1), attribute("owner", ABSENT, 0)),  # it is rare
        (exports(many=2), attribute("owner", ABSENT, 0), attribute("ownr", UNKNOWN, 0)),  # another export has it
        (exports(many=1), attribute("owner", ABSENT, 0, records=2), attribute("ownr", UNKNOWN, 0)),  # too few to tell
    ],
)
def test_a_column_that_is_rare_or_filled_means_no_other_attribute(parts: tuple[pl.DataFrame, ...]) -> None:
    assert unfilled(*parts) == []


def test_an_export_without_an_item_hides_no_column_that_none_fills() -> None:
    """A window in which nothing was written says nothing of attributes."""
    empty = results((0, 0), expectation=QUALITY, kind=GATE, export_id="0009")
    parts = exports(many=1), empty, attribute("owner", ABSENT, 0), attribute("ownr", UNKNOWN, 0)
    assert len(unfilled(*parts)) == 1


@pytest.mark.parametrize(("is_filled", "alerts"), [(False, 1), (True, 0)])
def test_a_column_that_a_later_run_fills_is_well_again(is_filled: bool, alerts: int) -> None:
    """One that it does not fill is not, also where its exports are too small to say so by themselves."""
    before = exports(many=1), attribute("owner", ABSENT, 0), attribute("ownr", UNKNOWN, 0)
    later = {"run_id": "r2", "export_id": "0009"}
    after = [results((0, 2), expectation=QUALITY, kind=GATE, **later)]
    if not is_filled:
        after.append(results((2, 2), expectation="owner", kind=ABSENT, **later))
    assert len(unfilled(*before, *after)) == alerts

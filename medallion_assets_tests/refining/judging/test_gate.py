"""Whether an export may be published (rule C3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import narwhals as nw
import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.expectations import expect, expect_or_drop
from medallion_assets.contracts.policies import USUAL_GATE, GatePolicy
from medallion_assets.contracts.table import Table
from medallion_assets.refining.judging.gate import Counts, Gate, rules_of
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.files.files import Files
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.refining.typing.decoding import VISITS

PRESENT = Gate.of(USUAL_GATE)
FILES = Files(pattern="*.csv", kind=BatchKind.CHANGES, sequence="updated_at")


@pytest.mark.parametrize(
    ("records", "bad", "passes"),
    [
        (0, 0, True),  # an empty export scores 1
        (9, 9, True),  # under ten bad records nothing stops
        (10, 10, False),
        (500, 10, True),  # a score of exactly 0.98
        (499, 10, False),
        (1_000_000, 20_000, True),
        (1_000_000, 20_001, False),
    ],
)
def test_an_export_fails_by_its_score_and_by_number(records: int, bad: int, passes: bool) -> None:
    assert PRESENT.lets_through(Counts(export_id="e", records=records, bad=bad)) is passes


def test_one_record_that_must_not_be_there_fails_the_export() -> None:
    """`expect_or_fail`: whatever the score."""
    assert not PRESENT.lets_through(Counts(export_id="e", records=1_000_000, failures=Counter({"must": 1})))


def test_the_run_config_overrides_the_contracts_threshold() -> None:
    assert (PRESENT.policy.quality_threshold, PRESENT.by_hand) == (0.98, False)
    assert Gate.of(USUAL_GATE, 0.0).by_hand
    assert Gate.of(USUAL_GATE, 0.0).lets_through(Counts(export_id="e", records=10, bad=10))
    assert not Gate.of(USUAL_GATE, 1.0).lets_through(Counts(export_id="e", records=1_000_000, bad=10))


@pytest.mark.parametrize(("least", "passes"), [(11, True), (10, False), (0, False)])
def test_the_run_config_overrides_from_how_many_bad_records_on(least: int, passes: bool) -> None:
    """C3: beside the declared threshold."""
    gate = Gate.of(USUAL_GATE, None, least)
    assert gate.by_hand
    assert gate.lets_through(Counts(export_id="e", records=10, bad=10)) is passes


def test_a_contract_may_let_the_score_alone_decide() -> None:
    """C3: with 0 one bad record of one fails; an empty export passes."""
    gate = Gate.of(replace(USUAL_GATE, quality_min_bad_records=0))
    assert not gate.lets_through(Counts(export_id="e", records=1, bad=1))
    assert gate.lets_through(Counts(export_id="e"))


def test_tallies_add_up_and_can_be_taken_back() -> None:
    one = Counts(export_id="e", records=5, bad=2, reasons=Counter({"missing": 2}), warnings=Counter({"odd": 1}))
    two = Counts(export_id="x", records=1, bad=1, reasons=Counter({"missing": 1, "wrong_type": 1}))
    both = one.plus(two)
    assert (both.records, both.bad, both.reasons) == (6, 3, {"missing": 3, "wrong_type": 1})
    assert both.score == 0.5
    assert both.plus(two, sign=-1) == one


def test_rules_have_another_name_when_anything_that_judges_changes() -> None:
    """Not when only its words do."""
    rule = expect_or_drop("counted", nw.col("count") >= 0)
    table = replace(VISITS, expectations=(rule,))
    gates = [
        GatePolicy(quality_threshold=0.9),
        GatePolicy(quality_min_bad_records=3),
        GatePolicy(max_delete_share=0.9),
        GatePolicy(max_delete_min_rows=10),
    ]
    others = [
        *(declared(table, gate=gate) for gate in gates),
        declared(table, source=DynamoDBExports(write_time_slack_hours=48)),
        declared(table, chain_starts_at=datetime(2025, 1, 1, tzinfo=UTC)),
        declared(replace(table, expectations=())),
        declared(replace(table, expectations=(expect("counted", nw.col("count") >= 0),))),
        declared(replace(table, expectations=(expect_or_drop("counted", nw.col("count") >= 1),))),
        declared(
            replace(table, columns=tuple(replace(column, nullable=not column.nullable) for column in table.columns))
        ),
        *(declared(_with_stand_in(table, text)) for text in ("Unknown", "none")),
        *(declared(table, source=replace(FILES, sequence=name)) for name in ("updated_at", "changed_at")),
    ]
    assert len({rules_of(loaded) for loaded in (declared(table), *others)}) == 1 + len(others)
    same = expect_or_drop("counted", nw.col("count") >= 0)
    said = tuple(replace(column, description="in other words") for column in table.columns)
    assert rules_of(declared(replace(table, expectations=(same,), columns=said))) == rules_of(declared(table))


def _with_stand_in(table: Table, text: str) -> Table:
    """With a text for countries that are missing: records without one are good then."""
    country = replace(table.column("country"), missing=text)
    return replace(table, columns=tuple(country if column.name == "country" else column for column in table.columns))

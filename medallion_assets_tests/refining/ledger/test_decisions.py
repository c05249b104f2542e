"""What people decided holds: the first about a subject, with who, when and why (rules C4, B3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.refining.ledger.decisions import (
    DECISIONS,
    Decision,
    DecisionAction,
    read_decisions,
    record_decisions,
)
from medallion_assets_tests.faults.injection import COMMITS, READS_AND_COMMITS, Call, Disturbance
from medallion_assets_tests.refining.planting import AT, HOUR, lake


def decision(
    subject: str, action: DecisionAction = DecisionAction.ACCEPT, *, by: str = "ada", table: str = "orders"
) -> Decision:
    return Decision(
        table_name=table, subject=subject, action=action, reason="looked at it", decided_by=by, decided_at=AT
    )


def test_nobody_has_decided_anything_yet(tmp_path: Path) -> None:
    """And asking makes no table."""
    assert read_decisions(lake(tmp_path), "orders") == {}
    assert not lake(tmp_path).exists(DECISIONS)


def test_decisions_come_back_by_subject_of_one_table(tmp_path: Path) -> None:
    made = [decision("e1"), decision("e2", DecisionAction.REJECT)]
    record_decisions(lake(tmp_path), [*made, decision("e1", DecisionAction.REJECT, table="invoices")])
    assert read_decisions(lake(tmp_path), "orders") == {decision.subject: decision for decision in made}


def test_the_same_decision_again_changes_nothing(tmp_path: Path) -> None:
    """A run with its run config can be repeated; the first is the one that is kept."""
    record_decisions(lake(tmp_path), [decision("e1")])
    record_decisions(lake(tmp_path), [decision("e1", by="bob"), decision("e2")])
    assert read_decisions(lake(tmp_path), "orders")["e1"].decided_by == "ada"
    assert lake(tmp_path).open(DECISIONS).row_count == 2


def test_another_decision_is_refused_whole(tmp_path: Path) -> None:
    record_decisions(lake(tmp_path), [decision("e1")])
    with pytest.raises(PermanentError, match="no other decision than accept by ada"):
        record_decisions(lake(tmp_path), [decision("e2"), decision("e1", DecisionAction.REJECT)])
    assert set(read_decisions(lake(tmp_path), "orders")) == {"e1"}


@pytest.mark.parametrize("step", [0, 1])
def test_of_two_people_who_decide_at_once_one_is_told(tmp_path: Path, step: int) -> None:
    """The slower of two who differ, before it reads or before it records, gets the error and not the last word."""
    lakehouse = lake(tmp_path)
    record_decisions(lakehouse, [decision("e0")])

    def another_decides(call: Call) -> object:
        record_decisions(lakehouse, [decision("e1", DecisionAction.REJECT, by="bob")])
        return call()

    slower = Disturbance(step, another_decides, READS_AND_COMMITS).of(lakehouse)
    with pytest.raises(PermanentError, match="reject by bob"):
        record_decisions(slower, [decision("e1")])
    assert read_decisions(lakehouse, "orders")["e1"].action is DecisionAction.REJECT


def test_two_people_may_decide_different_things_at_once(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)

    def another_decides(call: Call) -> object:
        record_decisions(lakehouse, [decision("e2")])
        return call()

    record_decisions(Disturbance(0, another_decides, COMMITS).of(lakehouse), [decision("e1")])
    assert set(read_decisions(lakehouse, "orders")) == {"e1", "e2"}


def test_the_earliest_decision_holds(tmp_path: Path) -> None:
    """Should the table hold two, as no writer of this project leaves it."""
    lakehouse = lake(tmp_path)
    record_decisions(lakehouse, [decision("e1"), _later(decision("e1", DecisionAction.REJECT))])
    assert read_decisions(lakehouse, "orders")["e1"].action is DecisionAction.ACCEPT


def _later(decision: Decision) -> Decision:
    return Decision(
        table_name=decision.table_name,
        subject=decision.subject,
        action=decision.action,
        reason=decision.reason,
        decided_by=decision.decided_by,
        decided_at=decision.decided_at + HOUR,
    )

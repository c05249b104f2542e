"""A long queue costs a look or two at each of its batches, and not one for each of the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from medallion_assets.contracts.batch import Batch
from medallion_assets.refining.ledger.chain import Reaches
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, declared
from medallion_assets_tests.refining.ledger.test_chain import full, window
from medallion_assets_tests.refining.planting import AT, HOUR

MANY = 200


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked about batches while the test runs."""
    asked = list[str]()
    joined_by = Reaches.joined_by

    def ids(ledger: Ledger) -> set[str]:
        asked.append("the pending ones")
        return {batch.id for batch in ledger.pending}

    def is_joined_by(reached: Reaches, batch: Batch) -> bool:
        asked.append(batch.id)
        return joined_by(reached, batch)

    monkeypatch.setattr(Reaches, "joined_by", is_joined_by)
    monkeypatch.setattr(Ledger, "pending_ids", property(ids))
    return asked


def test_a_long_queue_is_looked_through_once(looks: list[str]) -> None:
    """C1, C3: the windows that join are taken in turn; those behind a gap are looked at once more."""
    joining = [window(number, AT + number * HOUR) for number in range(1, MANY)]
    behind = [window(MANY + number, AT + timedelta(days=90) + number * HOUR) for number in range(MANY)]
    settled = [full(0), window(MANY * 2, AT)]
    ledger = Ledger(
        loaded=declared(CUSTOMER_TRANSACTIONS),
        batches=[*settled, *joining, *behind],
        pending=[*joining, *behind],
        rejected=frozenset(),
        decisions={},
        bronze_app_id="bronze",
        bronze_version=1,
    )
    assert ledger.next_group(MANY * 2) == joining
    assert [gap.batch_id for gap in ledger.gaps] == [batch.id for batch in behind]
    assert ledger.settled == ledger.applied == settled
    assert len(looks) <= 4 * MANY + 10

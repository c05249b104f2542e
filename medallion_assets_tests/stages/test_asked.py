"""What a run config asks of a stage is refused where it lacks what it needs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import REASON
from medallion_assets.stages.asked import AskedLoad

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_table_is_confirmed_for_a_reason() -> None:
    asked = AskedLoad(confirm_table_id="new", reason="restored from a backup")
    (decision,) = asked.decisions("orders", by="ada", at=NOW)
    assert (decision.subject, decision.reason) == ("new", "restored from a backup")


@pytest.mark.parametrize("reason", ["", " ", REASON])
def test_without_a_reason_no_table_is_confirmed(reason: str) -> None:
    with pytest.raises(PermanentError, match="the decision about table new has no reason"):
        AskedLoad(confirm_table_id="new", reason=reason).decisions("orders", by="ada", at=NOW)

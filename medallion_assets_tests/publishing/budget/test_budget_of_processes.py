"""Publishers in several processes keep to one budget in Amazon's DynamoDB Local, whenever one is killed (rule P7)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from medallion_assets_tests.publishing.budget_process import consumed_log, grants, over_budget, publisher
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.processes import READY_SECONDS
from medallion_assets_tests.services.serving_tables import make_serving_tables
from medallion_assets_tests.services.waiting import wait_until

TOTAL, WANTED, ENOUGH = 200.0, 150.0, 20

pytestmark = pytest.mark.slow


def wait_for(log: Path) -> None:
    """Until a publisher has been granted something more."""
    enough = len(grants([log])) + ENOUGH
    wait_until(lambda: len(grants([log])) >= enough, "it is granted more", READY_SECONDS)


def test_two_publishers_and_one_that_follows_a_killed_one_stay_within_the_total(
    dynamodb_local: DynamoDBLocal, tmp_path: Path
) -> None:
    """Each wants three quarters of it; the second is killed in the middle of its writes. DynamoDB says the same."""
    table = make_serving_tables(dynamodb_local.client).days
    logs = [tmp_path / name for name in ("first", "killed", "third")]
    with ExitStack() as running:
        begin = [
            lambda log=log: running.enter_context(
                publisher(dynamodb_local.endpoint, table, log, total=TOTAL, wanted=WANTED)
            )
            for log in logs
        ]
        begin[0]()
        wait_for(logs[0])
        second = begin[1]()
        wait_for(logs[1])
        second.kill()
        begin[2]()
        wait_for(logs[2])
        wait_for(logs[0])
    granted, consumed = grants(logs), grants(map(consumed_log, logs))
    assert over_budget(granted, TOTAL) == []
    assert over_budget(consumed, TOTAL) == []
    for log in logs:
        used, allowed = (sum(wcu for _, wcu in grants([each])) for each in (consumed_log(log), log))
        assert 0 < used <= allowed


def test_what_is_over_a_budget_is_found() -> None:
    """The measure itself: two publishers that do not share."""
    alone = [(number * 0.1, WANTED * 0.1) for number in range(100)]
    assert over_budget(alone, TOTAL) == []
    assert over_budget(sorted(alone * 2), TOTAL) != []

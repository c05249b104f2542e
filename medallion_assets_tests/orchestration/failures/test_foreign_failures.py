"""Failures of other people's code are told once each, in their own words, and so are their ends."""

from __future__ import annotations

import pytest

from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.failures.foreign import DAY, DERIVED, FAILURES, Failure
from medallion_assets_tests.orchestration.failures.on_call import on_call


@pytest.mark.parametrize("failure", [pytest.param(each, id=name) for name, each in FAILURES.items()])
def test_a_foreign_failure_is_told_once_and_so_is_its_end(desk: Graph, failure: Failure) -> None:
    """Looked at, and once more after the run was tried again as Dagster does; then it is mended, and so on."""
    asset, first = failure.stage.replace(".", "/"), None if failure.stage == DERIVED else DAY
    with on_call(desk) as person:
        broken = failure.broken(desk)
        failed = broken.run(asset, first=first).result.run_id
        person.look()
        person.expect_told([failed], failure.stage, failure.says)
        origin = {"dagster/root_run_id": failed, "dagster/parent_run_id": failed}
        again = broken.run(asset, first=first, tags=origin).result.run_id
        person.look()
        person.expect_told([failed, again], failure.stage, failure.says)
        failure.mend(desk)
        assert desk.run(asset, first=first).success
        for _ in range(2):
            person.look()
        person.expect_over(failure.stage)

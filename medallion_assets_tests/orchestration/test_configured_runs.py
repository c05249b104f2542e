"""Run config names the person who asks for a run, where nobody else does; of its month: test_months.py."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
import pytest

from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.orchestration.configured_runs import choose_configured_month, record_configured_user
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests.graph import BRONZE, STORY, Graph

ANN, BOB = {"user": " ann "}, {"user": "bob"}


@pytest.mark.parametrize(
    ("config", "tags", "who"),
    [
        pytest.param({BRONZE[0]: ANN}, {}, "ann", id="one asset says it", marks=pytest.mark.slow),
        pytest.param({BRONZE[0]: ANN, BRONZE[1]: ANN}, {}, "ann", id="each says it", marks=pytest.mark.slow),
        pytest.param({BRONZE[0]: ANN}, BOB, "bob", id="a proxy says another", marks=pytest.mark.slow),
        pytest.param({BRONZE[0]: ANN, BRONZE[1]: BOB}, BOB, "bob", id="and they differ"),
    ],
)
def test_every_commit_of_the_run_names_who_asked_for_it(
    graph: Graph, config: Mapping[str, Mapping[str, str]], tags: Mapping[str, str], who: str
) -> None:
    """Those of the other asset too."""
    write_demo_history(graph.settings.raw_url, **STORY)
    assert graph.run(*BRONZE, config=config, tags=tags).success
    for table in graph.catalog.loaded_tables:
        commits = commits_since(graph.lakehouse.open(bronze_table(table.short_name)), 0)
        assert {commit["started_by"] for commit in commits} == {who}
    assert graph.instance.get_runs()[0].tags["user"] == who


@pytest.mark.parametrize("config", [{"user": "shop_db"}, "shop_db", ["shop_db"], None], ids=str)
def test_the_config_of_other_ops_means_something_else(config: object) -> None:
    """Such as the user of a database; it need not be a mapping either."""
    ops = {
        "own_op": {"config": config},
        "bronze__customers": {"config": {"user": "ann", "month": "2019-10"}},
        "silver__customers": {},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        for of_ours, who in ((["bronze__customers", "silver__customers"], "ann"), ([], None)):
            run = instance.add_run(dg.DagsterRun(job_name="any", run_config={"ops": ops}))
            record_configured_user(instance, run, of_ours)
            choose_configured_month(instance, run, of_ours)
            assert run.tags.get("user") == who
            assert ("dagster/asset_partition_range_start" in run.tags) is (who is not None)


def test_several_names_are_none(graph: Graph) -> None:
    run = graph.run(*BRONZE, config={BRONZE[0]: ANN, BRONZE[1]: BOB})
    assert not run.success
    assert "found: ann, bob; what to do: leave all but one" in str(run.result.all_events[-1].event_specific_data)

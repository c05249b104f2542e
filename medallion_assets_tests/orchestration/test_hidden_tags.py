"""Run rows show few tags of ours, whatever asked for the run; those of earlier releases are read on."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import dagster as dg
import pytest

from medallion_assets.orchestration.hidden_tags import hidden_tag, keys_of, value_of
from medallion_assets.orchestration.jobs import REFINE
from medallion_assets.orchestration.requests import Part, days_request, joint_request, request
from medallion_assets.orchestration.runs.restart import JOINT_TAG, LOST_TAG, allow_restart
from medallion_assets.orchestration.runs.whereabouts import HOST_TAG
from medallion_assets.orchestration.sensors.restated.runs import ASKED_TAG
from medallion_assets.orchestration.sensors.run_if import SENSOR_TAG, UNTIL_TAG, recovered
from medallion_assets.orchestration.source_reach import REACH_TAG
from medallion_assets.orchestration.trigger_context import TriggerContext, UpdatedTable, cause_of
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets_tests.orchestration.shown_tags import MOST, shown

SALES = DAILY_SALES_SUMMARY
WHY = TriggerContext(trigger="restated", tables=[UpdatedTable(table="silver.enriched_transactions", version=7)])
SCATTERED = [date(2025, 1, 1), date(2025, 1, 3)]
BY_A_PERSON = {"user": "ada"}
"""Who executes a run again in the UI, which keeps its tags."""
OF_A_RUN = {HOST_TAG: "host", REACH_TAG: "{}", LOST_TAG: "id", ASKED_TAG: "key", UNTIL_TAG: "1.0", SENSOR_TAG: "x"}
"""What is added to a run, by whom it is asked for or while it is at work."""
REQUESTS = {
    "an export": request(TRANSACTIONS, REFINE, [CUSTOMERS], WHY, of=CUSTOMERS, run_key="k"),
    "several tables": joint_request(
        TRANSACTIONS, REFINE, [Part(makes=[CUSTOMERS], why=WHY, what="1 of customers")], run_key="k"
    ),
    "days": days_request(TRANSACTIONS, [SALES], SCATTERED[:1], trigger=WHY, key="k"),
    "scattered old days": days_request(TRANSACTIONS, [SALES], SCATTERED, trigger=WHY, key="k", catches_up=True),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_run_shows_few_tags_of_ours_also_when_a_person_executes_it_again(name: str) -> None:
    tags = {**REQUESTS[name].tags, **OF_A_RUN, **BY_A_PERSON}
    assert len(shown(tags)) <= MOST, shown(tags)
    assert cause_of(tags) is not None


def test_a_run_of_ever_so_many_tables_has_tags_that_postgresql_takes() -> None:
    """It indexes them, and so takes 2,704 bytes; where few texts repeat, nothing is compressed."""
    parts = [Part(makes=[CUSTOMERS], why=WHY, what=f"1 of {uuid4()}") for _ in range(100)]
    tags = joint_request(TRANSACTIONS, REFINE, parts, run_key="k").tags
    assert max(len(text.encode()) for text in tags.values()) < 2_000


@pytest.mark.parametrize("key", keys_of(hidden_tag("lost")))
def test_a_tag_is_read_under_both_keys(key: str) -> None:
    assert value_of(hidden_tag("lost"), {key: "id"}) == "id"
    assert value_of(hidden_tag("lost"), {}) is None


def test_a_new_tag_goes_before_the_one_that_was_copied_from_a_run_of_before() -> None:
    tag, before = keys_of(hidden_tag("lost"))
    assert value_of(tag, {before: "the former", tag: ""}) == ""


def test_a_run_if_sensor_that_lost_its_cursor_in_an_upgrade_finds_its_runs() -> None:
    before = {keys_of(SENSOR_TAG)[1]: "watcher", keys_of(UNTIL_TAG)[1]: "100.0"}
    with dg.DagsterInstance.ephemeral() as instance:
        assert recovered(instance, "watcher", 5000.0).settled_until == 1400.0
        instance.add_run(dg.DagsterRun(job_name="job", tags=before))
        assert recovered(instance, "watcher", 5000.0).settled_until == 100.0


@pytest.mark.parametrize("key", keys_of(JOINT_TAG))
def test_a_run_for_several_tables_is_not_started_anew_whichever_release_asked_for_it(key: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.add_run(dg.DagsterRun(job_name="job", tags={key: "yes"}))
        assert "It is not restarted" in (allow_restart(instance, run) or "")

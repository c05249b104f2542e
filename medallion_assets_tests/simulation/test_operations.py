"""The same seven days: what the operations tables hold of them, and what people were told."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import polars as pl
import pytest

from medallion_assets.contracts.run_days import days_text, ranges_of
from medallion_assets.operations.tables.alerts import ALERTS
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.operations.tables.incident import read_incidents
from medallion_assets.operations.tables.monitoring import DATA_FRESHNESS, PIPELINE_CHECKPOINT
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import SERVING
from medallion_assets_tests.oracle.model import TABLES, TRANSACTIONS
from medallion_assets_tests.orchestration.shown_tags import MOST, shown
from medallion_assets_tests.pipeline import PUBLISHED_TABLES
from medallion_assets_tests.simulation.shop import BAD_SALES, BAD_WINDOW
from medallion_assets_tests.simulation.story import (
    DAYS,
    OUTAGE_DAY,
    Lived,
)
from medallion_assets_tests.simulation.week import DAY, HOUR, MINUTE, Asked, days_between

SALES, LTV = PUBLISHED_TABLES
SERVING_TRIES = 3
"""A run of serving tries its step three times: its contract has 2 retries."""


def attempts(story: Lived) -> pl.DataFrame:
    return read_attempts(story.daemon.graph.lakehouse)


# The operations tables


def test_pipeline_runs_has_every_attempt_of_every_stage(story: Lived) -> None:
    """Each at its time, with what asked for it; those that failed with their error."""
    started = {
        (asked.run_id, stage.replace("/", ".")): asked
        for asked in story.asked
        for stage in asked.run.started
        if asked.job in {"ingest", "refine", "daily_gold_and_publish"}
    }
    found = attempts(story)
    assert set(found.select("run_id", "stage").rows()) == set(started)
    for row in found.iter_rows(named=True):
        asked = started[row["run_id"], row["stage"]]
        assert (row["started_at"], row["job"]) == (asked.at, asked.job)
        assert row["trigger"] == asked.tags.get("medallion/trigger")
        assert row["partition"] == _partition_of(asked)
        assert (row["outcome"], row["error"] is None) in {("succeeded", True), ("failed", False)}
    failed = found.filter(outcome="failed")
    gate = failed.filter(stage="silver.customer_transactions")
    assert story.bad.export_id in gate["error"].item()
    outage = failed.filter(pl.col("stage").str.starts_with("serving."))
    assert outage["error"].str.contains("DynamoDB did not answer").all()
    assert outage["error"].str.contains("AWS_ENDPOINT_URL_DYNAMODB").all()
    down = [asked for asked in story.failed if asked.assets[-1] in SERVING]
    assert sorted(outage.select("run_id", "attempt").rows()) == sorted(
        (asked.run_id, number) for asked in down for number in range(1, SERVING_TRIES + 1)
    )
    assert failed.height == gate.height + outage.height


def test_a_run_row_shows_few_tags_of_ours_whatever_asked_for_the_run(story: Lived) -> None:
    triggers = {asked.tags.get("medallion/trigger") for asked in story.asked}
    assert triggers >= {"file_arrival", "table_update", "restated", "schedule", "run_if"}
    for asked in story.asked:
        tags = story.daemon.graph.instance.get_run_by_id(asked.run_id).tags
        assert len(shown(tags)) <= MOST, tags


def test_pipeline_runs_counts_every_record_once(story: Lived) -> None:
    done, truth = attempts(story).filter(outcome="succeeded"), story.truth()
    for table in TABLES:
        lines = sum(len(file) for (of, _), export in story.landed.items() if of == table for file in export.files)
        assert done.filter(stage=f"bronze.{table}")["records_in"].sum() == lines
        silver = done.filter(stage=f"silver.{table}")
        left_out = sum(map(len, story.bad.files)) if table == TRANSACTIONS and story.week.decision == "reject" else 0
        assert silver["records_in"].sum() == lines - left_out
        assert silver["records_quarantined"].sum() == len(truth.quarantine[table])
    score = done.filter(stage="silver.customer_transactions")["quality_score"].to_list()
    assert score[1] == pytest.approx(60 / 61)
    assert done.filter(stage=SERVING[0].replace("/", "."))["records_out"].sum() > 0


def test_expectation_results_say_what_was_judged_and_when_it_was_published(story: Lived) -> None:
    results = read_results(story.daemon.graph.lakehouse).filter(table_name="silver.customer_transactions")
    judged = Counter(results.select("export_id", "is_published").unique().rows())
    accepted = story.week.decision == "accept"
    published = {story.landed[TRANSACTIONS, number].export_id for number in range(DAYS + 1)} - (
        set() if accepted else {story.bad.export_id}
    )
    assert judged == Counter([(story.bad.export_id, False), *((export_id, True) for export_id in published)])
    bad = results.filter(export_id=story.bad.export_id, is_published=False)
    found = {row["expectation"]: (row["passed"], row["failed"]) for row in bad.iter_rows(named=True)}
    assert found["amount_out_of_range"] == (61 - BAD_SALES, BAD_SALES)
    assert found["currency_unsupported"] == (60, 1)
    assert found["status_unknown"] == (61, 0)
    wanted = Counter(reason for *_, reasons in story.truth().quarantine[TRANSACTIONS] for reason in reasons)
    counted = (
        results.filter(pl.col("is_published"), pl.col("failed") > 0, pl.col("kind") != "gate")
        .group_by("expectation")
        .agg(pl.sum("failed"))
    )
    assert dict(counted.rows()) == dict(wanted)


def test_the_checkpoint_says_how_far_every_stage_has_come(story: Lived) -> None:
    """And said in between that two exports waited for a decision."""
    week, lakehouse = story.week, story.daemon.graph.lakehouse
    assert story.waiting["silver.customer_transactions"] == 2
    assert story.waiting["silver.customers"] == 0
    found = {row["stage"]: row for row in pipeline.rows(lakehouse, PIPELINE_CHECKPOINT)}
    for table in TABLES:
        assert found[f"bronze.{table}"]["watermark"] == story.landed[table, DAYS].export_id
        assert found[f"bronze.{table}"]["covered_until"] == week.start + DAYS * DAY
        assert found[f"silver.{table}"]["covered_until"] == week.start + DAYS * DAY
        assert found[f"silver.{table}"]["waiting"] == 0
        version = lakehouse.open(bronze_table(table)).version
        assert found[f"silver.{table}"]["watermark"] == f"bronze.{table}@{version}"
    for gold, serving in PUBLISHED_TABLES:
        close = [asked for asked in story.asked if asked.assets == (gold.path, serving.path)][-1]
        version = lakehouse.open(gold).version
        assert found[gold.name]["last_day"] == week.day(DAYS)
        assert found[serving.name]["last_day"] == week.day(DAYS)
        assert found[serving.name]["watermark"] == f"{gold.name}@{version}"
        assert found[serving.name]["run_id"] == found[gold.name]["run_id"] == close.run_id
        assert found[gold.name]["last_success"] == close.at
        assert timedelta(0) <= found[serving.name]["last_success"] - close.at < MINUTE
    assert found["silver.enriched_transactions"]["waiting"] == 0


def test_data_freshness_says_when_each_table_was_refreshed(story: Lived) -> None:
    week, lakehouse = story.week, story.daemon.graph.lakehouse
    found = {row["table"]: row for row in pipeline.rows(lakehouse, DATA_FRESHNESS)}
    truth = story.truth()
    assert not [name for name, row in found.items() if row["is_stale"]]
    for pair in PUBLISHED_TABLES:
        for table in pair:
            assert found[table.name]["sla_hours"] == 26
            assert timedelta(0) <= found[table.name]["last_refreshed"] - week.at(DAYS + 1, 1) < MINUTE
    for name in TABLES:
        assert week.lands_at(DAYS) < found[f"bronze.{name}"]["last_refreshed"] < week.lands_at(DAYS) + HOUR / 2
    assert found["silver.customer_transactions"]["row_count"] == len(truth.silver_transactions)
    assert found["silver.enriched_transactions"]["row_count"] == len(truth.enriched)
    assert found["gold.daily_sales_summary"]["row_count"] == len(truth.daily_sales_summary)


def test_each_failed_stage_of_each_run_is_an_incident(story: Lived) -> None:
    found = read_incidents(story.daemon.graph.lakehouse)
    stages = {asked.run_id: asked.assets[-1] for asked in story.failed}
    gate = next(asked for asked in story.failed if asked.job == "refine")
    stages[gate.run_id] = "silver/customer_transactions"
    assert sorted((incident.run_id, incident.stage) for incident in found) == sorted(
        (run_id, stage.replace("/", ".")) for run_id, stage in stages.items()
    )
    (incident,) = [incident for incident in found if incident.run_id == gate.run_id]
    assert incident.export_id == story.bad.export_id
    assert f"amount_out_of_range: {BAD_SALES}" in (incident.reasons or "")


# What people are told


def told(story: Lived, *, of_ends: bool = False) -> list[tuple[str, str]]:
    """What each channel received: the kind, and what the message is about; alerts, or that they are over."""
    titles = [(path.strip("/"), body["title"]) for path, body in story.hook.posts]
    return [(kind, _subject(title)) for kind, title in titles if title.startswith("Recovered: ") == of_ends]


def _subject(title: str) -> str:
    """`... is stale`, `... was closed as provisional`, or the table that a message names."""
    for said in (" is stale", " was closed as provisional"):
        if said in title:
            return title.partition(said)[0].rpartition(": ")[2] + said
    tables = (*(table.name for pair in PUBLISHED_TABLES for table in pair), "silver.customer_transactions")
    return next((name for name in tables if name in title), title)


def test_people_are_told_once_of_each_cause_and_of_nothing_on_quiet_days(story: Lived) -> None:
    """Accepted bad records are a share of the last 7 days: of that people are reminded once a day (UTC).

    V4: what is made of the payments reaches no further than they do, which wait behind the bad export. V6: the window
    that covers the end of a day lands after its close.
    """
    week = story.week
    first, last = week.decided_at.date(), week.end.date()
    reminders = len(days_between(first, last)) if week.decision == "accept" else 0
    behind = ("silver.customer_transactions", "silver.enriched_transactions", *(table.name for table in (*SALES, *LTV)))
    nights = {day for asked in story.asked if asked.by == "daily_gold_and_publish_schedule" for day in asked.days}
    assert sorted(told(story)) == sorted(
        [
            ("failure", "silver.customer_transactions"),
            ("failure", SALES[1].name),
            ("failure", LTV[1].name),
            *[("warning", "silver.customer_transactions")] * reminders,
            *(("warning", f"{name} is stale") for name in behind),
            *(("warning", f"{day} was closed as provisional") for day in nights),
        ]
    )


def test_people_hear_once_of_the_end_of_each_alert(story: Lived) -> None:
    """When the week is over, bad records that were accepted are a part of 7 days, and the last night waits still."""
    last_night = max(subject for _, subject in told(story) if subject.endswith("was closed as provisional"))
    goes_on = (("warning", "silver.customer_transactions"), ("warning", last_night))
    assert sorted(told(story, of_ends=True)) == sorted(title for title in told(story) if title not in goes_on)


def test_each_alert_says_what_to_do_and_where_to_look(story: Lived) -> None:
    gate = next(asked for asked in story.failed if asked.job == "refine")
    close = {asked.assets[-1]: asked for asked in story.failed if asked.by == "daily_gold_and_publish_schedule"}
    messages = [body["message"] for path, body in story.hook.posts if path == "/failure"]
    (of_gate,) = [message for message in messages if f"/runs/{gate.run_id}" in message]
    assert story.bad.export_id in of_gate
    assert "accept or reject" in of_gate
    for serving in SERVING:
        (of_outage,) = [message for message in messages if f"/runs/{close[serving].run_id}" in message]
        assert "AWS_ENDPOINT_URL_DYNAMODB" in of_outage


def test_alerts_are_raised_and_sent_within_minutes(story: Lived) -> None:
    """Each once."""
    found = story.daemon.graph.lakehouse.open(ALERTS).scan().collect()
    sent = found.pivot("event", index="alert_key", values="happened_at", aggregate_function="len")
    assert sent.select("raised", "sending", "delivered").unique().rows() == [(1, 1, 1)]
    assert sent.width == 4, "none failed"
    assert len(story.hook.posts) == sent.height, "people got each once"
    raised = {row["alert_key"]: row["happened_at"] for row in found.filter(event="raised").iter_rows(named=True)}
    for row in found.filter(event="delivered").iter_rows(named=True):
        assert row["happened_at"] - raised[row["alert_key"]] <= 5 * MINUTE
    told_at = sorted(raised[key] for key in raised if key.startswith("failed/"))
    week = story.week
    assert timedelta(0) < told_at[0] - week.lands_at(BAD_WINDOW) < HOUR / 2
    assert all(timedelta(0) < at - week.at(OUTAGE_DAY, 1) < 5 * MINUTE for at in told_at[1:])


def _partition_of(asked: Asked) -> str | None:
    return days_text(ranges_of(asked.days)) or None

"""Every stage of every pipeline fails: each is one incident, one message and one entry, and each end one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.engines.engine import Answer, Item
from medallion_assets.engines.spark.calls import called
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.stages import stages_of
from medallion_assets.operations.unrecorded import fetch_of
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.ecommerce.samples.months import write_month
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.star_schema.samples.files import write_shop
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets_tests.graph import STORY, Graph, Run
from medallion_assets_tests.orchestration.failures.on_call import on_call
from medallion_assets_tests.sources.rest.api import Failure, serving
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, ORDERS
from medallion_assets_tests.support_tickets.help_desk import HelpDesk, agent, ticket
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS

MONTH = date(2019, 10, 1)


@dataclass(frozen=True)
class Case:
    """A pipeline, what lands for it in a raw place, and the day or month of those of its stages that have any."""

    pipeline: Pipeline
    land: Callable[[str], object]
    partition: date | None = None

    @property
    def fetched(self) -> list[Table]:
        """The tables that come from an API."""
        return [loaded.table for loaded in fetched_tables(self.pipeline)]

    @property
    def steps(self) -> dict[str, list[str]]:
        """The assets that each step makes, by the table that it is called like, in the order of the data."""
        made = {name: [name.replace(".", "/")] for name in map(fetch_of, self.fetched)}
        for stage in stages_of(self.pipeline):
            made.setdefault(stage.step.name, []).append(stage.table.path)
        return made

    def run(self, graph: Graph, step: str) -> Run:
        """A run of one step."""
        has_partitions = self.pipeline.months is not None or step.startswith(("gold", "serving"))
        return graph.run(*self.steps[step], first=self.partition if has_partitions else None)


def land_tickets(raw_url: str) -> None:
    desk = HelpDesk(raw_url)
    desk.export_all("agents", agent("a1", "red"))
    desk.export_all("tickets", ticket(1, day=4))


def land_shop(raw_url: str) -> None:
    write_shop(raw_url, orders=20, customers=4, products=3, days=2, bad_share=0)


def land_story(raw_url: str) -> None:
    write_demo_history(raw_url, **STORY)


def case(pipeline: Pipeline, land: Callable[[str], object], partition: date | None = None) -> object:
    return pytest.param(Case(pipeline, land, partition), id=pipeline.name)


def land_month(raw_url: str) -> None:
    write_month(f"{raw_url}/ecommerce_events", month=MONTH, rows=20)


CASES = (
    case(ECOMMERCE, land_month, MONTH),
    case(SUPPORT_TICKETS, land_tickets, date(2025, 3, 4)),
    case(TRANSACTIONS, land_story, date(2025, 1, 3)),
    case(STAR_SCHEMA, land_shop),
)


AT_ONCE = Limits(retries=0)
"""In a run of this process a step waits until it is tried again: those of the star schema for five minutes."""
ON_SPARK = (
    Case(TRANSACTIONS, land_story, date(2025, 1, 3)),
    Case(SUPPORT_TICKETS, land_tickets, date(2025, 3, 4)),
    Case(ECOMMERCE, land_month, MONTH),
    Case(
        replace(
            STAR_SCHEMA,
            loaded=tuple(replace(loaded, limits=AT_ONCE) for loaded in STAR_SCHEMA.loaded),
            dbt=(),
            refresh=None,
            pictures=(),
        ),
        land_shop,
    ),
)
"""dbt has an engine of its own."""
SAID = "a core of an executor is broken"


class BrokenSpark(SparkEngine):
    """Whatever its executors are asked for, they break."""

    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        del function

        def breaks(_: Any) -> Any:
            raise ArithmeticError(SAID)

        yield from super().run(breaks, items)

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        del rows
        spark = session(self.settings)
        called(spark, lambda: spark.sql(f"select raise_error('{SAID}')").collect())
        raise AssertionError


@pytest.mark.xdist_group("dbt")  # importing dbt takes seconds
@pytest.mark.parametrize("of", CASES)
def test_every_stage_that_fails_is_told_once_and_so_is_its_end(graph: Graph, of: Case) -> None:
    expect_told(graph, of)


def test_a_fetch_that_fails_is_told_once_and_so_is_its_end(graph: Graph) -> None:
    """It leaves no attempts. The API refuses whoever asks, until somebody has corrected that."""
    midnight = datetime.combine(datetime.now(UTC), time(), UTC)
    record = {"id": "a", "placed_at": midnight.isoformat(), "total": 1, "updated_at": midnight.isoformat()}
    with serving(lambda asked: {"data": [record] if asked["page"] == "1" else []}) as api:
        api.failures = [Failure(status=401)] * 9
        endpoint = replace(ENDPOINT, url=api.url, starts_at=midnight - timedelta(days=1))
        orders = Loaded(table=ORDERS, source=RestWindows(endpoint=endpoint, sequence="updated_at"))
        expect_told(graph, Case(Pipeline(name="shop", loaded=(orders,)), lambda _: api.failures.clear()))


def expect_told(graph: Graph, of: Case) -> None:
    """The lakehouse is empty, and nothing has landed. Everything is looked at, tried and looked at again."""
    with on_call(replace(graph, pipelines=(of.pipeline,))) as person:
        runs = {step: of.run(person.graph, step) for step in of.steps}
        assert not [step for step, run in runs.items() if run.success]
        person.look()
        first = next(iter(of.steps))
        again = of.run(person.graph, first)  # as whoever retries it does
        person.look()

        failed = sorted((run.result.run_id, step) for step, run in [*runs.items(), (first, again)])
        assert sorted((incident.run_id, incident.stage) for incident in person.incidents) == failed
        assert {incident.ended_at for incident in person.incidents} == {None}
        assert sorted(event.table or "" for event in person.raised) == sorted(of.steps)
        assert sorted(need.where for need in person.needs) == sorted(of.steps)
        said = {message["title"].split()[1]: message["message"] for message in person.messages}
        assert (len(person.messages), said.keys()) == (len(of.steps), of.steps.keys())
        for step, run in runs.items():
            for part in ("expected: ", "found: ", f"Where: {step}", "What to do: ", f"/runs/{run.result.run_id}"):
                assert part in said[step]

        of.land(person.graph.settings.raw_url)
        for step in of.steps:
            done = of.run(person.graph, step)
            assert done.success, done.failure
        for _ in range(2):
            person.look()
        assert [incident.stage for incident in person.incidents if incident.ended_at is None] == []
        assert person.needs == []
        over = [message["title"] for message in person.messages[len(of.steps) :]]
        assert {title.partition(": ")[0] for title in over} == {"Recovered"}
        assert sorted(title.partition(" failed: ")[0].split()[-1] for title in over) == sorted(of.steps)


@pytest.mark.parametrize("of", ON_SPARK, ids=lambda of: of.pipeline.name)
def test_every_stage_that_fails_on_spark_is_told_once_and_so_is_its_end(
    graph: Graph, spark: SparkEngine, of: Case
) -> None:
    """Each in its turn, once its sources are made. Bronze and serving compute nothing on an engine."""
    settings = replace(graph.settings, engine="spark", spark=spark.settings, repetitions=0, step_retry_seconds=0)
    failed: dict[str, str] = {}
    with on_call(replace(graph, settings=settings, pipelines=(of.pipeline,))) as person:
        broken = replace(person.graph, engine=BrokenSpark(settings=spark.settings))
        of.land(person.graph.settings.raw_url)
        for step in of.steps:
            if step.startswith(("silver", "gold")):
                run = of.run(broken, step)
                assert (run.success, run.materializations) == (False, {})
                failed[step] = run.result.run_id
                person.look()
                assert [need.where for need in person.needs] == [step]
            done = of.run(person.graph, step)
            assert done.success, done.failure
            if step in failed:
                person.look()
                assert person.needs == []
        assert {told.stage: told.run_id for told in person.incidents} == failed
        assert len(person.incidents) == len(failed)
        assert [told.stage for told in person.incidents if told.ended_at is None] == []
        told = [message for message in person.messages if message["title"].startswith("Failure: ")]
        said = {message["title"].split()[1]: message["message"] for message in told}
        assert (len(told), sorted(said)) == (len(failed), sorted(failed))
        for step, run_id in failed.items():
            for part in (SAID, f"Where: {step}", "What to do: ", f"/runs/{run_id}"):
                assert part in said[step]
        over = [message["title"] for message in person.messages if message["title"].startswith("Recovered: ")]
        assert sorted(title.partition(" failed: ")[0].split()[-1] for title in over) == sorted(failed)

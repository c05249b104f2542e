"""Failures that come from somebody else's code, each as it happens: a library breaks, or what a user wrote.

Belongs here: what is broken, and in which words a person must find it.
Does not: expectations of what becomes of it (test_foreign_failures.py).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import narwhals as nw
from deltalake import DeltaTable

from medallion_assets.orchestration.resources import DynamoDBResource
from medallion_assets.publishing.serving import Serving
from medallion_assets_tests.graph import REGION, Graph
from medallion_assets_tests.services.processes import free_port
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED
from medallion_assets_tests.support_tickets.team_minutes import MINUTES

Frame = nw.LazyFrame[Any]
DAY = date(2025, 3, 4)
GOLD, SERVING, DERIVED = "gold.team_minutes", "serving.team_minutes_by_day", "silver.routed_tickets"


@dataclass(frozen=True)
class Failure:
    """A stage of the help desk that fails: the graph with what is broken, and the words that say so.

    The graph without it is mended, once `mend` has put right what lies in its home.
    """

    stage: str
    broken: Callable[[Graph], Graph]
    says: tuple[str, ...]
    mend: Callable[[Graph], None] = lambda _: None


def a_library(tickets: Frame) -> Frame:
    return tickets.select("opened_on", "team", nw.col("minuets"))


def a_bug(_: Frame) -> Frame:
    return {"red": nw.LazyFrame}["green"]  # type: ignore[return-value]


def a_bug_of_two(tickets: Frame, _: Frame) -> Frame:
    return a_bug(tickets)


def a_text_that_is_none(_: Frame) -> Frame:
    """As Python calls a file whose name is not UTF-8."""
    raise ValueError("no rates in \udcff.csv")


def a_check(_: Frame) -> Frame:
    """Dagster checks the types of what it is given."""
    return dg.AssetKey(5)  # type: ignore[return-value]


def a_users_word(_: Frame) -> Frame:
    raise dg.Failure("the rates of the day are not in yet")


def too_slow(tickets: Frame) -> Frame:
    """The limit of the stage rings in the middle of it."""
    signal.raise_signal(signal.SIGALRM)
    return tickets


def gold_of(compute: Callable[[Frame], Frame]) -> Callable[[Graph], Graph]:
    """The help desk whose minutes are computed in another way."""
    others = tuple(replace(gold, compute=compute) if gold is MINUTES else gold for gold in SUPPORT_TICKETS.gold)
    return lambda graph: replace(graph, pipelines=(replace(SUPPORT_TICKETS, gold=others, published=()),))


def a_bug_in_silver(graph: Graph) -> Graph:
    return replace(graph, pipelines=(replace(SUPPORT_TICKETS, derived=(replace(ROUTED, compute=a_bug_of_two),)),))


def no_endpoint(graph: Graph) -> Graph:
    return replace(graph, serving=Serving(region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}"))


def no_table(graph: Graph) -> Graph:
    return replace(graph, serving=Serving(region=REGION))


class Vault(DynamoDBResource):
    """A resource of a user's own that cannot be made."""

    def setup_for_execution(self, _context: dg.InitResourceContext) -> None:
        raise ConnectionError("the vault does not answer")


def no_resource(graph: Graph) -> Graph:
    return replace(graph, dynamodb_resource=Vault)


def a_table_of_a_user(graph: Graph) -> Graph:
    """What a user reads beside the tickets has a log that nobody can parse."""
    rates = graph.settings.home / "rates"
    (rates / "_delta_log").mkdir(parents=True)
    (rates / "_delta_log" / f"{0:020d}.json").write_text('{"metaData": {"id"')

    def compute(tickets: Frame) -> Frame:
        return tickets.filter(nw.col("team").is_in(DeltaTable(rates).file_uris()))

    return gold_of(compute)(graph)


def a_broken_log(graph: Graph) -> Graph:
    """The last commit of the table cannot be parsed any more."""
    log = _last_commit(graph)
    log.with_suffix(".kept").write_bytes(log.read_bytes())
    log.write_text('{"add": {"path"')
    return graph


def a_whole_log(graph: Graph) -> None:
    log = _last_commit(graph)
    log.with_suffix(".kept").replace(log)


def no_room_for_a_commit(graph: Graph) -> Graph:
    """Where the next commit would lie there is something else."""
    _next_commit(graph).mkdir()
    return graph


def room_for_a_commit(graph: Graph) -> None:
    _next_commit(graph).rmdir()


def _last_commit(graph: Graph) -> Path:
    log = Path(graph.lakehouse.uri(MINUTES.table)) / "_delta_log"
    return max(file for file in log.glob("*.json") if file.is_file())


def _next_commit(graph: Graph) -> Path:
    last = _last_commit(graph)
    return last.with_name(f"{int(last.stem) + 1:020d}.json")


FAILURES = {
    "polars": Failure(GOLD, gold_of(a_library), ("ColumnNotFoundError", "minuets")),
    "python": Failure(DERIVED, a_bug_in_silver, ("KeyError: 'green'",)),
    "python: a text": Failure(GOLD, gold_of(a_text_that_is_none), ("no rates in ?.csv",)),
    "dagster: a check": Failure(GOLD, gold_of(a_check), ("CheckError",)),
    "dagster: a failure": Failure(GOLD, gold_of(a_users_word), ("the rates of the day are not in yet",)),
    "dagster: a resource": Failure(SERVING, no_resource, ("ConnectionError: the vault does not answer",)),
    "botocore: no answer": Failure(SERVING, no_endpoint, ("did not answer", "127.0.0.1")),
    "botocore: no table": Failure(SERVING, no_table, ("there is no DynamoDB table", "aws dynamodb create-table")),
    "deltalake: a table of a user": Failure(GOLD, a_table_of_a_user, ("DeltaError",)),
    "deltalake: a broken log": Failure(GOLD, a_broken_log, ("gold.team_minutes cannot be read",), a_whole_log),
    "deltalake: a commit": Failure(GOLD, no_room_for_a_commit, ("gold.team_minutes",), room_for_a_commit),
    "a time limit": Failure(GOLD, gold_of(too_slow), ("took longer than its time limit", "at most 3,600 s")),
}

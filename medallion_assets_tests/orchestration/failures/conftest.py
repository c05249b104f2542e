"""A help desk whose stages fail: its home, planted once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from moto import mock_aws

from medallion_assets.publishing.serving import Serving
from medallion_assets_tests.graph import REGION, Graph, graph_at
from medallion_assets_tests.orchestration.failures.foreign import DAY
from medallion_assets_tests.support_tickets.help_desk import HelpDesk, agent, ticket
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS

LOADED = ("bronze/tickets", "bronze/agents", "silver/tickets", "silver/agents")


def desk_at(home: Path, instance: dg.DagsterInstance) -> Graph:
    """The graph of the help desk, in which nothing waits before it is tried again."""
    sound = graph_at(home, instance)
    settings = replace(sound.settings, repetitions=0, step_retry_seconds=0)
    dynamodb = Serving(region=REGION, creates_tables=True)
    return replace(sound, settings=settings, pipelines=(SUPPORT_TICKETS,), serving=dynamodb)


@pytest.fixture(scope="session")
def desk_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a day of tickets is built; another ticket of it is in Silver, and has not gone on."""
    home = tmp_path_factory.mktemp("desk") / "home"
    with dg.DagsterInstance.ephemeral() as instance:
        graph = desk_at(home, instance)
        desk = HelpDesk(graph.settings.raw_url)
        desk.export_all("agents", agent("a1", "red"))
        desk.export_all("tickets", ticket(1, day=4))
        assert graph.run(*LOADED, "silver/routed_tickets").success
        assert graph.run("gold/team_minutes", first=DAY).success
        desk.export_changes("tickets", ticket(2, day=4))
        assert graph.run("bronze/tickets", "silver/tickets").success
    return home


@pytest.fixture
def desk(desk_home: Path, tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Iterator[Graph]:
    shutil.copytree(desk_home, tmp_path / "home")
    with mock_aws():
        yield desk_at(tmp_path / "home", dagster_instance)

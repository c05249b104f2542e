"""What the tests of the second pipeline share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from moto import mock_aws

from medallion_assets_tests.support_tickets.help_desk import agent, ticket
from medallion_assets_tests.support_tickets.living import Living, living_at


@pytest.fixture(scope="package")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A help desk of a week whose exports came in and were published, beside a shop that has no exports yet.

    Tickets came late, changed and went; an agent moved, one is unknown; one ticket is in quarantine. To be looked at.
    """
    home = tmp_path_factory.mktemp("help_desk") / "home"
    (home / "dagster_home").mkdir(parents=True)
    with mock_aws(), dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home / "dagster_home"))) as instance:
        living = living_at(home, instance)
        desk = living.desk
        desk.export_all("agents", agent("a1", "red"), agent("a2", "blue"))
        tickets = [ticket(number, day=number, requester=f"r{number % 2}") for number in range(1, 7)]
        desk.export_all("tickets", *tickets, ticket(7, day=6, minutes=-1), ticket(8, day=6, agent="a9"))
        living.settle()
        desk.export_changes("tickets", ticket(2, day=2, minutes=25), ticket(9, day=4, agent="a2"), deleted="T3")
        desk.export_changes("agents", agent("a2", "green"))
        living.settle()
        yield living


@pytest.fixture
def living(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Iterator[Living]:
    """Both pipelines over an empty home."""
    with mock_aws():
        yield living_at(tmp_path / "home", dagster_instance)

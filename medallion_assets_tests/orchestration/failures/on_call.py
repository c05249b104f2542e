"""Who is on call, for tests: the sensors that tell people, asked in the daemon's place, and what reaches a person.

Belongs here: looking at a graph's runs as often as a test likes, and what was kept, sent and shown of them.
Does not: failures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from medallion_assets.operations.alerts import delivery
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.needs import Need, needs_of
from medallion_assets.operations.tables.alerts import RECOVERED, AlertEvent, Event, read_events
from medallion_assets.operations.tables.incident import Incident, read_incidents
from medallion_assets.orchestration.assets.incidents import DIAGNOSE
from medallion_assets.settings import Settings
from medallion_assets_tests.graph import Graph, Run, resource_of
from medallion_assets_tests.services.listeners import Webhook, web_server

SENSORS = ("run_outcomes", "diagnose_failures", "alert_rules", "alert_sender")


@dataclass(frozen=True)
class OnCall:
    """The person who is sent the failures of a graph."""

    graph: Graph
    hook: Webhook

    def look(self) -> None:
        """One tick of every sensor, each without its cursor: it looks at all there is. What they ask for is run."""
        for name in SENSORS:
            for request in self._tick(name):
                assert self._run(request).success, request.run_config

    def expect_told(self, runs: Sequence[str], stage: str, says: Iterable[str] = ()) -> None:
        """Of runs that failed one after another for one cause: an incident each, one message, and one entry.

        The message names stage, cause (`says`), what to do, and the first of the runs.
        """
        told = [incident for incident in self.incidents if incident.run_id in runs]
        assert sorted((incident.run_id, incident.stage) for incident in told) == sorted(
            (run_id, stage) for run_id in runs
        )
        assert {incident.ended_at for incident in told} == {None}
        assert len({(incident.error_kind, incident.headline, incident.do) for incident in told}) == 1
        assert [need.where for need in self.needs] == [stage]
        (raised,) = self.raised
        assert (raised.table, raised.run_id) == (stage, runs[0])
        (message,) = self.messages
        assert message["title"].startswith(f"Failure: {stage} failed: ")
        for part in (*says, f"Where: {stage}", "What to do: ", f"/runs/{runs[0]}"):
            assert part in message["message"], message["message"]

    def expect_over(self, stage: str) -> None:
        """Its incidents have ended, nothing of it is shown any more, and one message has said so."""
        assert [incident.stage for incident in self.incidents if incident.ended_at is None] == []
        assert self.needs == []
        _, over = self.messages
        assert over["title"].startswith("Recovered: ")
        assert f": {stage} failed: " in over["title"]

    @property
    def messages(self) -> list[dict[str, str]]:
        """What was sent, in its order."""
        return [body for _, body in self.hook.posts]

    @property
    def incidents(self) -> list[Incident]:
        return read_incidents(self.graph.lakehouse)

    @property
    def needs(self) -> list[Need]:
        """What the dashboard says of stages that failed."""
        facts = read_facts(self.graph.lakehouse, datetime.now(UTC))
        runs = {incident.run_id for incident in facts.incidents}
        return [need for need in needs_of(facts) if need.run_id in runs]

    @property
    def raised(self) -> list[AlertEvent]:
        """The failures that were raised, whether they are sent by now or not; without the ends of any."""
        events = read_events(self.graph.lakehouse, datetime.now(UTC))
        failures = [event for event in events if event.event is Event.RAISED and event.kind == "failure"]
        return [event for event in failures if not event.alert_key.startswith(RECOVERED)]

    def _tick(self, name: str) -> list[dg.RunRequest]:
        definitions = self.graph.definitions.get_repository_def()
        context = dg.build_sensor_context(
            instance=self.graph.instance,
            sensor_name=name,
            repository_def=definitions,
            resources={"lakehouse": resource_of(self.graph.lakehouse)},
        )
        with context:
            return list(definitions.get_sensor_def(name).evaluate_tick(context).run_requests or ())

    def _run(self, request: dg.RunRequest) -> Run:
        job = self.graph.definitions.resolve_job_def(DIAGNOSE)
        return Run(
            job.execute_in_process(
                instance=self.graph.instance,
                run_config=request.run_config,
                tags=request.tags,
                raise_on_error=False,
            )
        )


@contextmanager
def on_call(graph: Graph) -> Iterator[OnCall]:
    """Somebody who is sent every failure of a graph, on a machine that may be as slow as it likes."""
    with web_server() as hook, pytest.MonkeyPatch.context() as patched:
        for name in ("BUDGET_SECONDS", "SEND_SECONDS", "SOCKET_SECONDS"):
            patched.setattr(delivery, name, 600.0)
        yield OnCall(replace(graph, settings=alerted(graph.settings, hook)), hook)


def alerted(settings: Settings, hook: Webhook) -> Settings:
    """The same settings, with a place that failures go to."""
    return replace(settings, alert_urls={**settings.alert_urls, "failure": (f"json://127.0.0.1:{hook.port}",)})

"""A stage that does what a test says, within limits that it says, as the asset `silver/things`.

Belongs here: the stage, the body of its asset, and a run of it in this process. Does not: what it does.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.trigger_context import TriggeredConfig
from medallion_assets.stages.asked import Asked
from medallion_assets.stages.reports import AttemptFigures, Report
from medallion_assets.stages.work import Work
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at

THINGS = Table(name="silver.things", description="Things.", columns=(Column("name", Text(), "its name"),))
KEY = ["silver", "things"]
POOL = "things"


@dataclass
class Stage:
    """A stage that does the same in each attempt."""

    do: Callable[[], object]
    limits: Limits
    table = THINGS
    asked = Asked

    def reports(self, work: Work, _asked: Asked) -> Iterator[Report]:
        yield AttemptFigures(figures={"records_in": 1})
        work.repeat(self.do)


def carried_out(
    context: dg.AssetExecutionContext, folder: Path, do: Callable[[], object], limits: Limits
) -> Iterator[Any]:
    """The body of the asset, whose lakehouse is in a folder."""
    resource = resource_of(Lakehouse(url=str(folder), catalog=CATALOG), first_wait_seconds=0)
    yield from resource.run(context, Stage(do, limits), TriggeredConfig())
    yield dg.MaterializeResult()


@dataclass
class Carried:
    """Runs of that asset, and the rows of its attempts."""

    folder: Path
    instance: dg.DagsterInstance

    def run(self, do: Callable[[], object], **limits: Any) -> list[dict[str, Any]]:
        """What became of each attempt."""

        @dg.asset(key=KEY, pool=POOL)
        def things(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield from carried_out(context, self.folder, do, Limits(first_retry_seconds=0, **limits))

        dg.materialize([things], instance=self.instance, raise_on_error=False)
        return read_attempts(lakehouse_at(self.folder)).to_dicts()

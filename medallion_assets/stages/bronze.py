"""The work of a Bronze table: the batches below `<raw>/<table>`, loaded exactly once.

Belongs here: what a run does, step by step, and its checks.
Does not: ingest itself, or how Dagster shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.checked_contracts import expect_conditions
from medallion_assets.refining.ledger.decisions import Decision, read_decisions, record_decisions
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.refining.loading.owner import FORMER_TABLE, expect_new_table_id
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.loading.refused_batches import read_refusals
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.refining.versions import SUPERSEDED
from medallion_assets.stages.asked import AskedLoad
from medallion_assets.stages.figures import as_table, counts
from medallion_assets.stages.months import expect_loaded
from medallion_assets.stages.partitions import loaded_months
from medallion_assets.stages.rebuild import rebuild_figures, rebuild_if_asked
from medallion_assets.stages.reports import Check, Made, Report, check, made_version
from medallion_assets.stages.work import Work

CHECKS = {"exports_verified": "Every batch was found; the complete ones were verified and loaded, and count."}
SOURCE_FRESH = "source_fresh"
FRESHNESS_CHECKS = {SOURCE_FRESH: "The latest batch is recent enough; checked before the run loads anything."}
REFUSALS_SHOWN = 20
MESSAGE_CHARACTERS = 1_000
"""A message says what to do at its end, so it is shown whole."""


@dataclass(frozen=True)
class BronzeStage:
    """What writes the Bronze table of a loaded one."""

    loaded: Loaded
    asked = AskedLoad

    @property
    def table(self) -> Table:
        """The Bronze table."""
        return bronze_table(self.loaded.table.short_name)

    @property
    def limits(self) -> Limits:
        """Those of loading, not of judging."""
        return self.loaded.loading_limits

    @property
    def checks(self) -> dict[str, str]:
        """Its checks, with what each proves."""
        return CHECKS if self.loaded.source_freshness_hours is None else CHECKS | FRESHNESS_CHECKS

    def reports(self, work: Work, asked: AskedLoad) -> Iterator[Report]:
        """Load what is complete and not in yet, or what is asked for, of a contract whose conditions can be asked."""
        loaded, table, lake, now, done = self.loaded, self.table, work.lake, work.now, Ingested()
        expect_conditions(loaded.table)
        wanted = loaded_months(work.tags, of=table, months=loaded.months, now=now)
        confirm_table(lake, asked.decisions(table.short_name, by=work.started_by, at=now))
        read = partial(rebuild_bronze, lake, work.raw_url, loaded, now=now)
        again = rebuild_if_asked(work, asked.rebuild, read)
        only = frozenset(asked.exports)
        load = partial(ingest, lake, work.raw_url, loaded, now=now, only=only, months=wanted, done=done)
        work.repeat(partial(load, progress=work.log.info))
        yield exports_verified(table, done)
        expect_batches_of_its_own(work, loaded, done)
        bronze = lake.open(table)
        expect_loaded(bronze, loaded, done, wanted)
        yield _result(bronze, done, work.trigger, again, wanted)


def expect_batches_of_its_own(work: Work, loaded: Loaded, done: Ingested) -> None:
    """See that a run which loaded nothing into an empty table did not look into the folder of another table.

    Raises:
        PermanentError: all that lies there was refused, since it is another table's.
    """
    if done.refused and not done.loaded and not done.waiting:
        refusals = read_refusals(work.lake, loaded.table.short_name)
        place = replace(RawPlace.of(work.lake, work.raw_url, loaded), refusals=refusals)
        holds = work.lake.open(bronze_table(loaded.table.short_name)).files.height > 0
        if not (status := place.status(holds=holds)).is_fine:
            raise status.error


def confirm_table(lake: Lakehouse, decisions: list[Decision]) -> None:
    """Record that a person confirmed a new table; one who says it again, as a run that is tried again does, is right.

    Raises:
        PermanentError: batches of that table are in, and nobody had confirmed it.
    """
    for decision in decisions:
        bronze = lake.find(bronze_table(decision.table_name))
        if bronze is not None and decision.subject not in read_decisions(lake, decision.table_name):
            expect_new_table_id(bronze, decision.subject)
    record_decisions(lake, decisions)


def _result(bronze: Snapshot, done: Ingested, trigger: str, again: Rebuilt | None, months: list[date]) -> Made:
    return made_version(
        bronze,
        rows_in=done.lines,
        rows_out=done.lines,
        partitions=months,
        trigger=trigger,
        exports_loaded=[batch.id for batch in done.loaded],
        exports_waiting=done.waiting,
        foreign_objects=done.foreign,
        **rebuild_figures(again),
    )


def exports_verified(table: Table, done: Ingested) -> Check:
    """Rules B1, B3: each refused batch with its verdict, and what to do about it; what may hide others, or is in vain.

    Summaries that lie where no batch does are a warning: nobody can say what they are.
    """
    rows = [
        {"export": refused.export_id, "verdict": refused.verdict, "message": refused.message}
        for refused in done.refused
    ]
    rows += [{"export": batch_id, "verdict": FORMER_TABLE, "message": why} for batch_id, why in done.outdated.items()]
    is_broken = bool(any(refused.verdict != SUPERSEDED for refused in done.refused) or done.outdated or done.unseen)
    return check(
        table,
        "exports_verified",
        passed=not (is_broken or done.unclaimed),
        warn=not is_broken,
        refused=as_table(rows[:REFUSALS_SHOWN], longest=MESSAGE_CHARACTERS),
        verdicts=counts(Counter(refused.verdict for refused in done.refused)),
        loaded=len(done.loaded),
        waiting=len(done.waiting),
        unclaimed_summaries=done.unclaimed[:REFUSALS_SHOWN],
        folders_not_looked_into=dict(list(done.unseen.items())[:REFUSALS_SHOWN]),
    )

"""The work of a Gold table: its partitions, any of them in one run, and their audit.

Belongs here: what a run does, step by step, and its checks.
Does not: building or auditing (deriving), or how Dagster shows it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.pipeline import Daily, Gold
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.shown_rows import SAMPLE_ROWS
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.audit import Audit, audit, source_of
from medallion_assets.deriving.build import Built, build
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.operations.tables.pipeline_runs import last_covered
from medallion_assets.stages.asked import AskedDeriving
from medallion_assets.stages.export_age import export_age
from medallion_assets.stages.figures import as_table, completeness_figures
from medallion_assets.stages.made import expect_made
from medallion_assets.stages.months import expect_settled
from medallion_assets.stages.partitions import asked_partitions
from medallion_assets.stages.rebuild import rebuild_figures, rebuild_if_asked
from medallion_assets.stages.reports import FOUND, Check, Made, Report, check, made_version
from medallion_assets.stages.work import Work

RECOMPUTED = "equals_recomputation"
EARLIER_DAYS = "no_earlier_days"
EARLIER_CHECKS = {EARLIER_DAYS: "Its source has no days before MEDALLION_FIRST_DAY, which would never be built."}


@dataclass(frozen=True)
class GoldStage:
    """What writes a Gold table, whose days begin with `first_day` unless it has months.

    `is_read`: nothing publishes it, so that this is what readers read.
    """

    gold: Gold
    first_day: date
    is_read: bool = False
    asked = AskedDeriving

    @property
    def table(self) -> Table:
        """The Gold table."""
        return self.gold.table

    @property
    def limits(self) -> Limits:
        """As declared."""
        return self.gold.limits

    def reports(self, work: Work, asked: AskedDeriving) -> Iterator[Report]:
        """Build the partitions of the run, and audit them."""
        gold, lake = self.gold, work.lake
        months = gold.of_months
        days = asked_partitions(work.tags, of=self.table, first_day=self.first_day, months=months, now=work.now)
        expect_made(lake, gold.source)
        if months is not None:
            expect_settled(lake, gold, days)
        began = time.monotonic()
        again = rebuild_if_asked(work, asked.rebuild, partial(rebuild_gold, lake, gold))
        done = work.repeat(partial(build, lake, gold, days, progress=work.log.info))
        age = self._age(work, done.covered, time.monotonic() - began)
        built = lake.open(self.table, version=done.version)
        yield from audit_checks(gold, audit(gold, built, source_of(gold, built), _audited(days, again)))
        if is_of_days(gold):
            yield no_earlier_days(gold, lake.open(gold.source), self.first_day)
        yield _result(gold, built, days, done, work.trigger, again, age)

    def _age(self, work: Work, reached: Coverage, seconds: float) -> dict[str, Any]:
        """Of the newest batch, where readers read this table (rule V5)."""
        if not self.is_read:
            return {}
        name = self.table.name
        return export_age(
            work.lake,
            before=lambda: last_covered(work.lake, [name], sources=True, days=None).get(name, UNKNOWN),
            reached=reached,
            now=work.now,
            seconds=seconds,
            warn=work.log.warning,
        )


def checks_of(gold: Gold) -> dict[str, str]:
    """The checks of a Gold table, with what each promises."""
    given = f"what {gold.source.name} gives now"
    checks = {RECOMPUTED: f"Every row of the partitions equals {given}, and none is missing."}
    if gold.reconciled:
        checks[gold.reconciled.check] = gold.reconciled.description
    return checks


def is_of_days(gold: Gold) -> bool:
    """Whether each day of a Gold table is made of that day of its source alone."""
    return isinstance(gold, Daily) and gold.of_months is None


def no_earlier_days(gold: Gold, source: Snapshot, first_day: date) -> Check:
    """A warning where the source holds days that are never built, with the setting that would have them built."""
    earlier = [day for day in source.days if day < first_day]
    do = f"set MEDALLION_FIRST_DAY to {earlier[0]}, or leave these days out on purpose" if earlier else "nothing"
    return check(
        gold.table,
        EARLIER_DAYS,
        passed=not earlier,
        warn=True,
        first_day=str(first_day),
        earlier_days=len(earlier),
        what_to_do=do,
    )


def audit_checks(gold: Gold, found: Audit) -> Iterator[Check]:
    """What an audit found, as the checks of a Gold asset."""
    yield check(
        gold.table,
        RECOMPUTED,
        passed=found.equals_recomputation,
        rows_stored=found.rows_stored,
        rows_recomputed=found.rows_recomputed,
        rows_differing=found.differing.height,
        sample=as_table(found.differing.head(SAMPLE_ROWS).to_dicts()),
    )
    if gold.reconciled is None:
        return
    wrong = found.unreconciled
    sample = list((wrong or found.sums).items())[-SAMPLE_ROWS:]
    figures: dict[str, Any] = {"days": len(found.sums), "days_differing": len(wrong)}
    figures[gold.reconciled.figure] = as_table(
        [{"day": day, "gold": stored, "silver": expected} for day, (stored, expected) in sample]
    )
    if wrong:
        stored, expected = wrong[day := min(wrong)]
        sums = f"{stored} in {gold.table.name}, {expected} in {gold.reconciled.table.name}"
        figures[FOUND] = (
            f"{gold.reconciled.figure} of {day} is {sums}; {len(wrong):,} of {len(found.sums):,} days differ"
        )
    yield check(gold.table, gold.reconciled.check, passed=not wrong, **figures)


def _audited(days: Sequence[date], again: Rebuilt | None) -> list[date]:
    """The days of the run, and those that a rebuild before it has changed."""
    rebuilt = again.changes.restated if again and not again.dry_run else set()
    return sorted({*days, *rebuilt})


def _result(
    gold: Gold,
    built: Snapshot,
    days: Sequence[date],
    done: Built,
    trigger: str,
    again: Rebuilt | None,
    age: Mapping[str, Any],
) -> Made:
    return made_version(
        built,
        **completeness_figures({day: (done.covered, gold.end_of(day)) for day in days}),
        rows_in=done.rows_in,
        rows_out=done.rows_out,
        sample=built.scan(partitions=days[-1:]),
        partitions=days,
        covered_until=str(noted_coverage(built)),
        trigger=trigger,
        **age,
        partitions_replaced=len(days),
        **rebuild_figures(again),
    )

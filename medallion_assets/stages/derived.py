"""The work of a derived table: only the days that changed are made anew.

Belongs here: what a run does, step by step, and its checks.
Does not: deriving itself, or how Dagster shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.audit import made_from
from medallion_assets.deriving.changed_days import rebuild_derived, update_derived
from medallion_assets.refining.integrity import leaked_tombstones
from medallion_assets.stages.asked import AskedDeriving
from medallion_assets.stages.judged import unique_live_key
from medallion_assets.stages.made import expect_made
from medallion_assets.stages.rebuild import rebuild_figures, rebuild_if_asked
from medallion_assets.stages.reports import Check, Report, check, made_version
from medallion_assets.stages.work import Work

UNIQUE = {"unique_live_key": "No key has two rows."}
NO_LEAKS = {"no_tombstone_leaks": "No deleted row of its source has a row."}


@dataclass(frozen=True)
class DerivedStage:
    """What writes a derived table."""

    derived: Derived
    asked = AskedDeriving

    @property
    def table(self) -> Table:
        """The derived table."""
        return self.derived.table

    @property
    def limits(self) -> Limits:
        """As declared."""
        return self.derived.limits

    @property
    def checks(self) -> dict[str, str]:
        """Its checks, with what each proves."""
        return {**(NO_LEAKS if self.derived.one_to_one else {}), **UNIQUE}

    def reports(self, work: Work, asked: AskedDeriving) -> Iterator[Report]:
        """Make the days that changed."""
        derived, lake = self.derived, work.lake
        expect_made(lake, derived.source)
        again = rebuild_if_asked(work, asked.rebuild, partial(rebuild_derived, lake, derived))
        done = work.repeat(partial(update_derived, lake, derived, progress=work.log.info))
        made = lake.open(self.table, version=done.version)
        yield from derived_checks(derived, made)
        yield made_version(
            made,
            rows_in=done.rows_in,
            rows_out=done.rows_out,
            covered_until=str(noted_coverage(made)),
            trigger=work.trigger,
            restated_dates=[str(day) for day in sorted(done.restated)],
            **rebuild_figures(again),
        )


def derived_checks(derived: Derived, made: Snapshot) -> Iterator[Check]:
    """Whether a derived table is sound, against the source that it was made from."""
    if derived.one_to_one:
        leaked = leaked_tombstones(made_from(made, derived.source), made)
        yield check(derived.table, "no_tombstone_leaks", passed=leaked == 0, leaked=leaked)
    yield unique_live_key(made)

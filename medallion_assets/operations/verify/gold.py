"""Gold by its contract, and once more from its source, day by day, and whether that is what it holds (rules G1 to G6).

Belongs here: the rows that a table may not hold; choosing the days that can be compared, and comparing them.
Does not: computing rows. Days that wait to be built again are no findings: they are said in a note.
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.contracts.run_days import days_text, ranges_of
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.computation import computation
from medallion_assets.deriving.day_ledger import settled_days, to_build
from medallion_assets.deriving.day_logs import read_ledger
from medallion_assets.deriving.made_rows import misfits
from medallion_assets.operations.verify.findings import Finding, Verification, rebuild_computed
from medallion_assets.operations.verify.recomputation import difference


def verify_rows(built: Snapshot) -> Iterator[Finding]:
    """Rows that an earlier release committed and a build would refuse now (rule G6)."""
    table = built.table
    for day in built.partitions:
        for misfit in misfits(built.scan(partitions=[day]).collect(engine="streaming"), table):
            yield Finding(
                table=table.name,
                check="rows_fit_the_contract",
                expected=misfit.expected,
                found=f"{misfit.found}, in {table.partition_by} {day}",
                do=rebuild_computed(table),
            )


def verify_gold(gold: Gold, built: Snapshot, source: Snapshot, *, progress: Progress) -> Verification:
    """Compare each day of a Gold table with what its source gives; `source` was opened after `built`.

    Raises:
        TransientError: the storage did not answer.
    """
    answer, table = Verification(), built.table
    ledger, held = read_ledger(gold, built, source), built.days
    if waiting := sorted(to_build(ledger).keys() & {*held, *ledger.built}):
        answer.notes.append(
            f"{table.name} was not compared where it waits to be built again, for {source.table.name} has changed "
            f"since: {days_text(ranges_of(waiting))}"
        )
    compared = settled_days(ledger, held)
    with computation(gold, source) as computed:
        for number, (day, should) in enumerate(computed.each(compared), start=1):
            parts = [(built.scan(partitions=[day]).select(should.columns).collect(), should)]
            if finding := difference(table, day, parts, given=f"as {source.table.name} gives them"):
                answer.findings.append(finding)
            progress(f"building {table.name} again", number, len(compared))
    return answer

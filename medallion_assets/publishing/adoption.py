"""Who may publish to a serving table, before its first row is written (rule P5).

Belongs here: claiming a table for a lakehouse, adopting one that was published before tables had owners, and handing
one over.
Does not: the `#owner` item, or where a lakehouse publishes to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from medallion_assets.delta.notes.authors import RUN_ID, STARTED_BY
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.row_tables.identity import Identity
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.days.day_publisher import DayKeys, published_days
from medallion_assets.publishing.items.watermark import published_items
from medallion_assets.publishing.owner import ServingOwner, Trace, claim, read_owner, remedy, replace_owner
from medallion_assets.publishing.publisher import VERSIONS
from medallion_assets.publishing.tables.serving_tables import ServingTable

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """What handing a table over did; `former` is null where nobody owned it."""

    table: str
    former: ServingOwner | None
    owner: ServingOwner


def take(
    table: BudgetedTable, serving: ServingTable, wish: ServingOwner, gold: Snapshot, *, knows_run: Callable[[str], bool]
) -> ServingOwner:
    """The owner of a serving table, which is the one that wants to publish `gold`.

    `knows_run` says whether a run was one of this lakehouse.

    Raises:
        PermanentError: it belongs to another lakehouse, or what lies in it is of nobody known here.
        TransientError: Gold was made anew meanwhile, or DynamoDB gave no answer.
    """
    return claim(
        table,
        serving.keys,
        wish,
        first_generation=lambda: _first_generation(table, _traces(table, serving), gold, knows_run),
        is_latest=lambda: gold.lakehouse.open(gold.table).table_id == wish.table_id,
    )


def hand_over(table: BudgetedTable, serving: ServingTable, wish: ServingOwner) -> HandedOver:
    """Make `wish` the owner, whoever it was; all that was published before counts as older from now on.

    Raises:
        PermanentError: the owner changed at this very moment.
        TransientError: DynamoDB gave no answer.
    """
    seen = read_owner(table, serving.keys)
    generation = _next_generation(table, _traces(table, serving)) if seen is None else seen.generation + 1
    wanted = replace(wish, generation=generation)
    if not replace_owner(table, serving.keys, seen, wanted):
        raise PermanentError(
            f"the owner of DynamoDB table {table.name} changed at this moment",
            expected=seen or "none",
            found=read_owner(table, serving.keys),
            do="check who owns it now, and repeat the command if you still mean it",
        )
    return HandedOver(table=table.name, former=seen, owner=wanted)


def claim_of(
    lakehouse: Lakehouse, identity: Identity, gold: Snapshot, now: datetime, why: str | None = None
) -> ServingOwner:
    """What a lakehouse says of itself when it wants to publish a Gold table."""
    return ServingOwner(
        lakehouse_id=identity.lakehouse_id,
        place=lakehouse.url,
        table_id=gold.table_id,
        by=lakehouse.author.get(STARTED_BY, "unknown"),
        since=now,
        why=why,
    )


def _traces(table: BudgetedTable, serving: ServingTable) -> list[Trace]:
    return (
        published_days(table, DayKeys(*serving.keys)) if serving.must_expire else published_items(table, serving.keys)
    )


def _first_generation(
    table: BudgetedTable, traces: Sequence[Trace], gold: Snapshot, knows_run: Callable[[str], bool]
) -> int:
    """Where the numbers of a table without an owner go on, if the last publish to it was this lakehouse's.

    They go on in the same generation if all that was published in it can be of this Gold table, as it is now.
    """
    if not traces:
        if _holds_items(table):
            raise _not_known(table.name, "items that no pointer or watermark refers to")
        return 0
    last = max(traces, key=lambda trace: (trace.published_at or LONG_AGO, trace.number))
    if last.run_id is None or not (knows_run(last.run_id) or _has_built(gold, last.run_id)):
        raise _not_known(table.name, f"what run {last.run_id} published at {last.published_at}")
    generation = max(traces, key=lambda trace: trace.number).number // VERSIONS
    is_ours = all(_can_be_of(gold, trace) for trace in traces if trace.number // VERSIONS == generation)
    return generation if is_ours else generation + 1


def _next_generation(table: BudgetedTable, traces: Sequence[Trace]) -> int:
    if not traces and not _holds_items(table):
        return 0
    return max((trace.number // VERSIONS for trace in traces), default=0) + 1


def _has_built(gold: Snapshot, run_id: str) -> bool:
    """Whether a run wrote Gold: one that was killed while it published has no attempt that could be known."""
    return any(commit.get(RUN_ID) == run_id for commit in commits_since(gold, -1))


def _can_be_of(gold: Snapshot, trace: Trace) -> bool:
    """Whether a publish can be of this very Gold table: by its id, else because the table and version existed then."""
    if trace.table_id is not None and trace.table_id != gold.table_id:
        return False
    is_older = trace.table_id is None and (trace.published_at or LONG_AGO) < gold.made_at
    return not is_older and trace.number % VERSIONS <= gold.version


def _holds_items(table: BudgetedTable) -> bool:
    return next(table.scan(Limit=1), None) is not None


def _not_known(table_name: str, found: str) -> PermanentError:
    return PermanentError(
        f"DynamoDB table {table_name} has no owner, and was not published by this lakehouse",
        expected="an empty table, or one whose last publish was a run that operations.pipeline_runs knows",
        found=found,
        do=remedy(table_name),
    )

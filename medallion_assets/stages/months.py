"""Months: whether there is anything of the months that a run names.

Belongs here: refusing to make a month of nothing, which would look like a month in which nothing happened.
Does not: which months a run names, or replacing one.

A month in which nothing happened is a file without records; a file that is missing says nothing (rule V1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from medallion_assets.contracts.pipeline import Gold, Loaded
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.days.build_log import BuildLog
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.ledger.ledger import APPLIED, REJECTED
from medallion_assets.refining.loading.load import Ingested
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.versions import SUPERSEDED

MOST_NAMED = 12
"""So many months that are there are named."""


def expect_loaded(bronze: Snapshot, loaded: Loaded, done: Ingested, wanted: Sequence[date]) -> None:
    """See that Bronze has a file of each month that a run names, after all that lies there was loaded.

    Raises:
        PermanentError: a month has no file, or it was refused; the message lists the months that are there.
    """
    if not wanted:
        return
    held = {batch.partition for batch in batches_in(bronze, loaded.source)}
    if not (missing := [month for month in wanted if month not in held]):
        return
    called, there = f"{loaded.source.batch_word}s", held.union(done.months.values())
    refused = [
        refusal
        for refusal in done.refused
        if refusal.verdict != SUPERSEDED and done.months.get(refusal.export_id) in missing
    ]
    if refused:
        months = sorted({done.months[refusal.export_id] for refusal in refused})
        raise PermanentError(
            f"the {called} of {_named(months)} could not be loaded",
            where=bronze.table.name,
            expected=f"{called} that can be read as a whole",
            found="; ".join(f"{refusal.export_id} was refused ({refusal.verdict})" for refusal in refused),
            do=f"correct the {called}, as the check exports_verified says of each; what arrives is loaded by itself",
            export_id=refused[0].export_id,
        )
    raise _missing(
        bronze.table,
        f"there are no {called} of",
        missing,
        there,
        do=f"wait for the {called}, which are loaded when they arrive, or name another month. For a month in which "
        "nothing happened, deliver one without records",
    )


def has_month(lakehouse: Lakehouse, raw_url: str, loaded: Loaded, month: date) -> bool:
    """Whether Bronze has a file of a month, or one lies there.

    Raises:
        PermanentError: the place cannot be read, or is gone.
        TransientError: the store did not answer.
    """
    bronze = lakehouse.find(bronze_table(loaded.table.short_name))
    batches = [] if bronze is None else batches_in(bronze, loaded.source)
    if any(batch.partition == month for batch in batches):
        return True
    held = {batch.id for batch in batches}
    place = RawPlace.of(lakehouse, raw_url, loaded).open(lambda: held)
    found = () if place is None else loaded.source.find(place, Search(known=held)).batches
    return any(batch.partition == month for batch in found)


def expect_in_bronze(lakehouse: Lakehouse, loaded: Loaded, wanted: Sequence[date]) -> None:
    """See that Bronze has a file of each month that a run of Silver names.

    Raises:
        PermanentError: a month has none; the message lists those that have.
    """
    if not wanted:
        return
    bronze = bronze_table(loaded.table.short_name)
    snapshot = lakehouse.find(bronze)
    held = set() if snapshot is None else {batch.partition for batch in batches_in(snapshot, loaded.source)}
    if missing := [month for month in wanted if month not in held]:
        do = f"run {bronze.path} for it once its {loaded.source.batch_word}s have arrived, or name another month"
        raise _missing(loaded.table, f"{bronze.name} holds no data of", missing, held, do=do)


def expect_settled(lakehouse: Lakehouse, gold: Gold, wanted: Sequence[date]) -> None:
    """See that Silver has settled each month that a run of Gold names, or that Gold has made it before.

    So a month whose rows are gone from Silver goes from Gold too.

    Raises:
        PermanentError: there is one of which nothing is settled; the message lists those of which something is.
    """
    loaded = lakehouse.catalog.loaded_by(gold.source.name)
    bronze, silver = lakehouse.find(bronze_table(loaded.table.short_name)), lakehouse.find(loaded.table)
    settled = {
        batch.partition
        for batch in (batches_in(bronze, loaded.source) if bronze and silver else ())
        if silver and silver.transaction(batch.id) in (APPLIED, REJECTED)
    }
    if not (missing := [month for month in wanted if month not in settled]):
        return
    if (built := lakehouse.find(gold.table)) is not None:
        log = BuildLog(gold, built)
        missing = [month for month in missing if log.built_at(month) is None]
    if missing:
        do = f"run bronze, {loaded.table.path} and {gold.table.path} together for it, or name another month"
        raise _missing(gold.table, f"{loaded.table.name} holds no data of", missing, settled, do=do)


def _missing(
    table: Table, what: str, missing: Iterable[date], there: Collection[date | None], *, do: str
) -> PermanentError:
    months = sorted(month for month in there if month is not None)
    more = f"{len(months) - MOST_NAMED} before these, " if len(months) > MOST_NAMED else ""
    return PermanentError(
        f"{what} {_named(missing)}",
        where=table.name,
        expected="data of each month that the run names",
        found=f"{more}{_named(months[-MOST_NAMED:])}" if months else "no month at all",
        do=do,
    )


def _named(months: Iterable[date]) -> str:
    return ", ".join(f"{month:%Y-%m}" for month in months)

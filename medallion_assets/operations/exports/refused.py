"""The exports that were refused, for those who only look.

Belongs here: which of them still ask for a person, and which have one cause.
Does not: refusing one (refining), or when it is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medallion_assets.contracts.beside import bronze_name
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TableFeatureError, UnreadableTableError
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.loading.refused_batches import RefusedBatch, read_refusals
from medallion_assets.refining.versions import SUPERSEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedForOneReason:
    """Batches of one table that were refused for the same reason: the `newest` of them, and how `many` there are."""

    newest: RefusedBatch
    many: int

    def what(self, word: str) -> str:
        """Which they are, and the verdict; `word` is what people call a batch of the table."""
        more = f" and {self.many - 1} more" if self.many > 1 else ""
        return f"{word} {self.newest.export_id}{more}: refused ({self.newest.verdict})"

    @property
    def do(self) -> str:
        """What a person does next, as the refusal says, and how it is forgotten."""
        first = self.newest.do or "correct it, or deliver it again; it is checked again when its files change"
        return f"{first}; or move it away: the next run of {bronze_name(self.newest.table_name)} then forgets it"


def refused_batches(lakehouse: Lakehouse) -> list[RefusedBatch]:
    """The exports that were refused, still lie there and are not in yet, in order of their ids.

    An older version of a month that lies beside the one that counts asks for nobody. Those of a table whose Bronze
    cannot be read are left out: nobody can tell which of them are in.
    """
    found: list[RefusedBatch] = []
    for table in lakehouse.catalog.loaded_tables:
        read = read_refusals(lakehouse, table.short_name).values()
        refusals = [refusal for refusal in read if refusal.verdict != SUPERSEDED]
        if not refusals:
            continue
        try:
            bronze = lakehouse.find(bronze_table(table.short_name))
        except (TableFeatureError, UnreadableTableError):
            continue
        held = loaded_ids(bronze) if bronze else set()
        found += [refusal for refusal in refusals if refusal.export_id not in held]
    return sorted(found, key=lambda refusal: (refusal.table_name, refusal.export_id, refusal.prefix))


def by_reason(refusals: Iterable[RefusedBatch]) -> list[RefusedForOneReason]:
    """The causes among some refusals, in the order of the first of each."""
    groups = dict[tuple[str, str], list[RefusedBatch]]()
    for refusal in refusals:
        groups.setdefault((refusal.table_name, refusal.verdict), []).append(refusal)
    return [
        RefusedForOneReason(
            newest=max(group, key=lambda refusal: (refusal.judged_at, refusal.export_id)), many=len(group)
        )
        for group in groups.values()
    ]

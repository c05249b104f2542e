"""Verdicts that Bronze remembers: batches that were refused, and what their listing was then (rule B2).

Belongs here: the `operations.export_verdicts` table, so that a batch that cannot be loaded is read again only when
it has changed, and a person finds every refusal in one place.
Does not: making the verdict (a source, the owner of the batch); noticing a change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import polars as pl

from medallion_assets.contracts.table import Text
from medallion_assets.delta.row_tables.rows import append_rows, read_rows, row_table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import message_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedBatch:
    """A refusal; or, by the verdict GONE, its end."""

    table_name: Annotated[str, "the table in whose folder the export is"]
    export_id: Annotated[str, "the export"]
    prefix: Annotated[str, "its prefix in that folder"]
    verdict: Annotated[str, "the name of what is wrong"]
    message: Annotated[str, "the whole error; its parts follow, and are null in rows of earlier releases"]
    fingerprint: Annotated[str, "of its listing, and of the file at fault, when it was judged"]
    judged_at: Annotated[datetime, "when it was judged"]
    file: Annotated[str | None, Text(trim=False), "the file at fault, where the listing does not show a change"] = None
    what: Annotated[str | None, "what is wrong, and where"] = None
    expected: Annotated[str | None, "what was expected; null where the error says nothing of it"] = None
    found: Annotated[str | None, "what was found instead; null likewise"] = None
    do: Annotated[str | None, "what to do; null likewise"] = None

    @property
    def reason(self) -> str:
        """What is wrong, without what to do: the whole message where its parts are not known."""
        return self.message if self.what is None else message_of(self.what, expected=self.expected, found=self.found)

    def says_the_same(self, other: RefusedBatch | None) -> bool:
        """Whether another refusal says the same of the same files."""
        return other is not None and replace(other, judged_at=self.judged_at) == self


GONE = "gone"
"""The verdict that ends a refusal: the batch lies there no more."""

EXPORT_VERDICTS = row_table(
    RefusedBatch,
    name="operations.export_verdicts",
    description="Exports that were refused: which, why, and what to do; and those of them that are gone since.",
)


def read_refusals(lakehouse: Lakehouse, table_name: str) -> dict[tuple[str, str], RefusedBatch]:
    """The latest refusal of each (batch id, prefix) of a table, but for those that are gone since."""
    rows = read_rows(lakehouse, EXPORT_VERDICTS, pl.col("table_name") == table_name)
    in_order = sorted(rows, key=lambda row: (row.judged_at, row.verdict == GONE))  # only what was refused can be gone
    latest = {(row.export_id, row.prefix): row for row in in_order}
    return {key: row for key, row in latest.items() if row.verdict != GONE}


def record_refusals(lakehouse: Lakehouse, refusals: list[RefusedBatch]) -> None:
    """Append refusals, and what ends them, in one commit."""
    append_rows(lakehouse, EXPORT_VERDICTS, refusals)

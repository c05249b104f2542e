"""Replacement: the rows of a table give way to rows that were made again, as one new version of the table.

Belongs here: comparing part by part in bounded memory, writing only what differs, and the commit.
Does not: making the rows, or what changes are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID, LOWEST_BATCH_ID, SEQUENCE
from medallion_assets.delta.damage import damaged_files, readable_rows
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.replacing.partitions import parts_of
from medallion_assets.delta.replacing.table_changes import Comparison, TableChanges
from medallion_assets.delta.schema import expect_partition, fits_contract, stored_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import groups_of
from medallion_assets.engines.pieces import of_group

REBUILT_NOTE = "medallion_rebuilt"
"""The commit note of a rebuild: why it was done, and what else a person decided by it."""
BOUNDS = (SEQUENCE,)
"""Which batch a file of a table is of whose partitions are a batch each: its log says it, whole."""
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


@dataclass(kw_only=True)
class Replacement:
    """New rows on their way into the place of a table's: compared, and written where it `writes`.

    `table` may have other columns than its contract (`Lakehouse.open_any`); the commit then gives it the contract's.
    """

    table: Snapshot
    writes: bool
    written: list[WrittenFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what no commit can do: another partition than the table was made with."""
        expect_partition(self.table.delta, self.table.table)
        self.stored = stored_schema(self.table.delta)
        self.new_schema = not fits_contract(self.table.delta, self.table.table)
        self.comparison = Comparison(table=self.table.table)
        self.damaged = damaged_files(self.table)

    def partition(self, day: date | None, rows: pl.DataFrame) -> None:
        """Put rows in the place of what one partition holds; where nothing differs its files stay."""
        paths = self.table.partition_files([day])["path"].to_list()
        before = readable_rows(self.table.scan(paths=paths, schema=self.stored))
        self.comparison.add(rows.clear() if before is None else before, rows, day=day)
        is_sound = before is not None and not self.damaged.intersection(paths)
        if is_sound and not self.new_schema and before is not None and _same_rows(before, rows):
            return
        if self.writes:
            self.removed += paths
            if rows.height:
                key, bounds = list(self.table.table.key), [name for name in BOUNDS if name in rows.columns]
                self.written.append(self.table.folder.write(rows.sort(key).lazy(), partition=day, bounds=bounds))

    def lines(self, day: date | None, copy: Snapshot) -> None:
        """Put what a copy holds of a partition in its place, of a table without a key: some lines at a time."""
        paths = self.table.partition_files([day])["path"].to_list()
        parts, is_same = parts_of(day, copy, self.table), not (self.new_schema or self.damaged.intersection(paths))
        for chosen in parts:
            before = readable_rows(self.table.scan(paths=paths, schema=self.stored).filter(chosen))
            after = copy.scan(partitions=[day]).filter(chosen).collect(engine="streaming")
            self.comparison.add(after.clear() if before is None else before, after, day=day)
            is_same = is_same and before is not None and _same_rows(before, after)
        if self.writes and not is_same:
            self.removed += paths
            new = (copy.scan(partitions=[day]).filter(chosen) for chosen in parts)
            written = [self.table.folder.write(rows, partition=day) for rows in new]
            held = copy.partition_files([day])
            batch = dict.fromkeys([BATCH_ID], held[LOWEST_BATCH_ID].first()) if held.height else {}
            self.written += [file.of_values(batch) for file in written if file.rows]

    def whole(self, copy: Snapshot, progress: Progress) -> None:
        """Put the rows of a copy in the place of all that a table without partitions holds, as one file."""
        key, what = list(self.table.table.key), f"comparing {self.table.table.name}"
        bounds = self.table.lakehouse.engine.bounds
        groups = groups_of((max(self.table.row_count, copy.row_count), bounds.group_rows))
        if not all(name in self.stored for name in key):
            groups = 1  # another key: there are no rows of the same key to compare
        is_same = not self.new_schema and not self.damaged
        for number in range(groups):
            chosen = of_group(key, number, groups)
            before = readable_rows(self.table.scan(schema=self.stored).filter(chosen))
            after = copy.scan().filter(chosen).collect(engine="streaming")
            self.comparison.add(after.clear() if before is None else before, after)
            is_same = is_same and before is not None and _same_rows(before, after)
            progress(what, number + 1, groups)
        if self.writes and not is_same:
            self.removed = self.table.files["path"].to_list()
            written = self.table.folder.write(copy.scan(), bounds=BOUNDS)
            self.written = [written] if written.rows else []

    def changes(self) -> TableChanges:
        """What readers see differ, once every part was compared."""
        return self.comparison.finish()

    def commit(self, transactions: Mapping[str, int], notes: Mapping[str, object]) -> int:
        """Put what was written in place, as the table's next version; also when nothing differs.

        Raises:
            CommitConflictError: the table has moved on since it was opened.
        """
        return self.table.commit(
            self.written, remove=self.removed, transactions=transactions, metadata=notes, new_schema=self.new_schema
        )


def _same_rows(before: pl.DataFrame, after: pl.DataFrame) -> bool:
    names = after.columns
    return set(names) <= set(before.columns) and before.select(names).sort(names).equals(after.sort(names))

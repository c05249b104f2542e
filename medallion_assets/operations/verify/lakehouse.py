"""Verify: the whole lakehouse, from the bytes of its logs to what its tables promise each other.

Belongs here: which table is looked at for what, and in which order.
Does not: the looking (the modules beside), or the batches in their bucket.

Each look needs what the one before it found well: a table whose log is broken is not opened, and one whose files are
broken is not asked what its rows say. Nothing is ever written to the lakehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medallion_assets.contracts.pipeline import Derived, Loaded
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import LOG_FOLDER
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import OtherContractError, PermanentError, TableFeatureError, UnreadableTableError
from medallion_assets.operations.places import lakehouse_place
from medallion_assets.operations.tables.every import every_table, tables_without_contract
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, StageAttempt
from medallion_assets.operations.tables.refused import refusal
from medallion_assets.operations.verify.again import make_again
from medallion_assets.operations.verify.bronze import verify_bronze
from medallion_assets.operations.verify.files import FileLook, Level, foreign_files, verify_files
from medallion_assets.operations.verify.findings import (
    MADE_ANEW,
    Finding,
    TableFacts,
    Verification,
    of_contract,
    of_features,
    of_place,
    rebuild,
)
from medallion_assets.operations.verify.gold import verify_rows
from medallion_assets.operations.verify.history import compare_histories, last_runs, lost_since_its_run, without_log
from medallion_assets.operations.verify.log import verify_log
from medallion_assets.operations.verify.silver import (
    is_behind,
    verify_derived,
    verify_quarantine,
    verify_rebuild,
    verify_silver,
)
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table


def verify(
    lakehouse: Lakehouse,
    *,
    digests: bool = False,
    deep: bool = False,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    progress: Progress = lambda _what, _done, _total: None,
) -> Verification:
    """Look at every table: logs, what they say of each other, names, sizes and footers of data files; no row is read.

    `digests` reads every byte of every data file and compares it with what was written. `deep` does that, looks at the
    rows of each table, makes Silver again from Bronze, Gold and dbt models from Silver, in a temporary folder, and
    compares. `limits` are those of DuckDB, where dbt models are built.

    `progress` is called with what is being looked at, how much of it is done, and of how much: files, or lines.

    Raises:
        TransientError: the store did not answer.
    """
    level = Level.DEEP if deep else Level.DIGESTS if digests else Level.FAST
    look = _Look(lakehouse=lakehouse, level=level, progress=progress)
    look.answer.findings.extend(of_place(lakehouse_place(lakehouse)))
    look.open_tables()
    look.read_files()
    look.compare_tables()
    if deep:
        again = make_again(lakehouse, look.well | look.quarantines, limits=limits, progress=progress)
        look.answer.findings.extend(again.findings)
        look.answer.notes.extend(again.notes)
    return look.answer


@dataclass(kw_only=True)
class _Look:
    """One pass over the lakehouse. `well` holds the tables that nothing was found about so far, by name.

    `replays` holds what the logs of the tables say, of those that are there, `runs` the last success of each stage,
    `absent` the tables in whose place nothing lies. A deep look opens its `quarantines` again after their
    Silver: rows wait there before their batch is settled.
    """

    lakehouse: Lakehouse
    level: Level
    progress: Progress
    answer: Verification = field(default_factory=Verification)
    well: dict[str, Snapshot] = field(default_factory=dict)
    quarantines: dict[str, Snapshot] = field(default_factory=dict)
    replays: dict[str, Replayed] = field(default_factory=dict)
    runs: dict[str, StageAttempt] = field(default_factory=dict)
    absent: list[Table] = field(default_factory=list)

    def open_tables(self) -> None:
        """Read the logs as they are, then as delta-rs does.

        Against the flow of data, for runs may be at work meanwhile: a source is then at least as new as what was made
        from it, and a table as the run that is known of it.
        """
        tables = [*tables_without_contract(self.lakehouse), *reversed([*every_table(self.lakehouse.catalog)])]
        for number, table in enumerate(tables, start=1):
            if not self.lakehouse.exists(table):
                self.answer.tables.append(TableFacts(table=table.name, version=None))
                lost = list(without_log(self.lakehouse, table))
                self.answer.findings.extend(lost)
                self.absent += [] if lost else [table]
            else:
                if refused := refusal(self.lakehouse, table):
                    self.answer.findings.append(of_features(table, refused))
                broken, self.replays[table.name] = verify_log(self.lakehouse, table)
                if broken:
                    self.answer.findings.extend(broken)
                    self.answer.notes.append(f"{table.name} was not checked further: fix its log first")
                else:
                    self._open(table)
            if table is PIPELINE_RUNS and table.name in self.well:
                self.runs = last_runs(self.lakehouse)
            self.progress("reading logs", number, len(tables))
        self.answer.tables.reverse()
        if self._reads_rows:
            kept = [quarantine_table(loaded.table) for loaded in self.lakehouse.catalog.loaded]
            self.quarantines = {table.name: self.lakehouse.open(table) for table in kept if table.name in self.well}

    def read_files(self) -> None:
        """Every live data file of every table."""
        owners = {path.rsplit("/", 1)[-1]: name for name, replay in self.replays.items() for path in replay.named}
        looks: dict[str, FileLook] = {}
        total = sum(snapshot.files.height for snapshot in self.well.values())
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            self.progress("reading data files", done, total)

        for name, snapshot in list(self.well.items()):
            look = looks[name] = verify_files(snapshot, self.replays[name], level=self.level, progress=one_more)
            if look.findings:
                self._found(name, look.findings)
                self.answer.notes.append(f"{name} was not checked further: fix its files first")
            self.answer.findings.extend(foreign_files(snapshot, look, owners))
        self._count(looks)

    def compare_tables(self) -> None:
        """What tables promise, by themselves and to each other."""
        tables = dict(self.well)
        catalog = self.lakehouse.catalog
        for number, loaded in enumerate(catalog.loaded, start=1):
            self._compare_exported(loaded)
            self.progress("comparing tables", number, len(catalog.loaded))
        for derived in catalog.derived:
            self._compare_derived(derived)
        for table in (gold.table for gold in catalog.gold) if self._reads_rows else ():
            if held := self.well.get(table.name):
                self._found(table.name, list(verify_rows(held)))
        for table in self.absent:
            self.answer.findings.extend(lost_since_its_run(table, self.runs.get(table.name)))
        for finding in compare_histories(catalog, tables, self.replays, self.runs):
            self._found(finding.table, [finding])

    @property
    def _reads_rows(self) -> bool:
        return self.level is Level.DEEP

    def _count(self, looks: Mapping[str, FileLook]) -> None:
        """A note about files that cannot be compared with what was written."""
        if undigested := {name: look.undigested for name, look in looks.items() if look.undigested}:
            words = "they were read through instead"
            if self.level is Level.FAST:
                words = "`--digests` reads them through instead of comparing them"
            files = f"{sum(undigested.values()):,} data files of {', '.join(undigested)}"
            self.answer.notes.append(
                f"{files} have no digest, for an earlier release or another writer wrote them: {words}"
            )

    def _compare_exported(self, loaded: Loaded) -> None:
        """A Bronze table, what is judged from it, and its quarantine."""
        table, contract = loaded.table, bronze_table(loaded.table.short_name)
        bronze = self.well.get(contract.name)
        if bronze:
            self._found(contract.name, list(verify_bronze(bronze, loaded.source, rows=self._reads_rows)))
        elif self.lakehouse.exists(contract):
            return  # there is a finding about it, and whatever is compared with it would be another of the same
        if silver := self.well.get(table.name):
            self._found(table.name, list(verify_silver(loaded, silver, bronze, rows=self._reads_rows)))
        kept = quarantine_table(table)
        if quarantine := self.well.get(kept.name):
            self._found(kept.name, list(verify_quarantine(loaded, quarantine, bronze, rows=self._reads_rows)))
            if silver:
                self._found(kept.name, list(verify_rebuild(silver, quarantine)))

    def _compare_derived(self, derived: Derived) -> None:
        """A derived table against the tables that it is made from."""
        table, source = self.well.get(derived.table.name), self.well.get(derived.source.name)
        if table is None or source is None:
            return
        if derived.one_to_one:
            self._found(table.table.name, list(verify_derived(table, source, rows=self._reads_rows)))
        for other in filter(None, (self.well.get(made_from.name) for made_from in derived.sources)):
            if is_behind(table, other):
                self.answer.notes.append(f"{table.table.name} has not taken the latest of {other.table.name}")

    def _open(self, table: Table) -> None:
        try:
            snapshot = self.lakehouse.open(table)
            if snapshot.version > (looked_at := self.replays[table.name].version):
                snapshot = self.lakehouse.open(table, version=looked_at)  # somebody has committed meanwhile
            snapshot.transaction("")  # a checkpoint may give its files and yet be broken where the transactions are
            facts = TableFacts(
                table=table.name, version=snapshot.version, files=snapshot.files.height, rows=snapshot.row_count
            )
        except TableFeatureError:
            return
        except OtherContractError as error:
            self.answer.findings.insert(0, of_contract(table, error))  # in the flow of data, as they are rebuilt
            return
        except PermanentError as error:
            found = error.found if isinstance(error, UnreadableTableError) else error
            finding = Finding(
                table=table.name,
                check="table_opens",
                expected="a Delta table",
                found=str(found),
                do=f"remove {LOG_FOLDER}/_last_checkpoint and the checkpoints beside it, if there are any; if it does "
                f"not open then, take {LOG_FOLDER} from a backup; {MADE_ANEW}",
            )
            self.answer.findings.append(finding)
            return
        self.answer.tables.append(facts)
        if other := self._otherwise(snapshot):
            self.answer.findings.append(other)
        else:
            self.well[table.name] = snapshot

    def _otherwise(self, snapshot: Snapshot) -> Finding | None:
        """What makes it another table than it should be, or than the commits say: delta-rs reads checkpoints."""
        table, named = snapshot.table, snapshot.delta.metadata().name
        if table.columns and named not in (None, table.name):
            do = f"put each table's folder in its own place; else {rebuild(table)}"
            return Finding(table=table.name, check="table_is_itself", expected=table.name, found=str(named), do=do)
        seen = set(snapshot.files.select("path", "size_bytes", "num_records").rows())
        logged = {(path, file.size, file.rows) for path, file in self.replays[snapshot.table.name].live.items()}
        if seen == logged:
            return None
        return Finding(
            table=table.name,
            check="checkpoint_says_the_same",
            expected=f"{len(logged)} live files, as the commits say",
            found=f"{len(seen)} live files when it is opened, {len(seen ^ logged)} of all these differ",
            do=f"remove the checkpoints in {LOG_FOLDER} and _last_checkpoint: readers take the commits then",
        )

    def _found(self, name: str, findings: list[Finding]) -> None:
        self.answer.findings.extend(findings)
        if findings:
            self.well.pop(name, None)

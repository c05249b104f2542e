"""Rule B3: of a table that was dropped and made anew, the new one's exports decide; strangers' count for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from medallion_assets.contracts.owner import TABLE_RECREATED
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.loading.load import ingest
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput
from medallion_assets_tests.oracle.model import Decision as DecisionInput
from medallion_assets_tests.oracle.oracle import expected_of_runs
from medallion_assets_tests.oracle.origin import WRONG_TABLE, Delivery, Loading, Run
from medallion_assets_tests.oracle.origin_strategies import NEW, Succession, renamed, successions
from medallion_assets_tests.pipeline import NOW
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_shrunken_full_exports import run_until_nothing_fails


class Bucket:
    """Exports as DynamoDB writes them, beside a lakehouse."""

    def __init__(self, folder: Path, table: str) -> None:
        self.raw_url = str(folder / "raw")
        self.table = table
        self.contract = next(contract for contract in pipeline.SILVER if contract.short_name == table)
        self.store = open_store(f"{self.raw_url}/{table}")
        self.lakehouse = Lakehouse(url=str(folder / "lakehouse"))
        self.refused: dict[str, str] = {}

    def write(self, delivery: Delivery) -> Delivery:
        """Write an export; the same under the names that it got."""
        export = delivery.export
        _, _, _, region, account, _ = delivery.arn.split(":")
        written = write_export(
            self.store,
            table_name=self.table,
            export_type=ExportType(export.export_type),
            from_at=export.from_at,
            to_at=export.to_at,
            files=export.files,
            started_at=datetime.fromtimestamp(int(export.export_id[1:14]) / 1000, UTC),
            seed=int(export.export_id[-6:], 16),
            table_id=delivery.table_id,
            account_id=account,
            region=region,
        )
        return renamed(delivery, written.export_id, tuple(file.key for file in written.files))

    def load(self) -> bool:
        """Load until nothing more can be; a person confirms the new table. Whether that was asked for."""
        confirmed = False
        while True:
            done = ingest(self.lakehouse, self.raw_url, pipeline.declared(self.contract), now=NOW)
            self.refused = {refused.export_id: refused.verdict for refused in done.refused}
            if TABLE_RECREATED in self.refused.values():
                assert not confirmed, "the confirmation does not count"
                confirmed = True
                record_decisions(self.lakehouse, [self._confirmation()])
            elif not done.loaded:
                return confirmed

    def _confirmation(self) -> Decision:
        return Decision(
            table_name=self.table,
            subject=NEW,
            action=DecisionAction.CONFIRM_TABLE,
            reason="dropped and made anew",
            decided_by="tester",
            decided_at=NOW,
        )


@pytest.mark.slow
@examples(30)
@given(succession=successions())
def test_a_table_made_anew_takes_over_from_its_first_full_export_on(succession: Succession) -> None:
    """B3, C1, C7, K1: in any order of arrival, batch by batch, with late exports of both tables."""
    with TemporaryDirectory() as folder:
        bucket, loading = Bucket(Path(folder), succession.table), Loading()
        names: dict[str, str] = {}
        batches: list[Sequence[ExportInput]] = []
        for batch in succession.batches:
            written = [bucket.write(delivery) for delivery in batch]
            names |= {
                delivery.export.export_id: there.export.export_id
                for delivery, there in zip(batch, written, strict=True)
            }
            confirmed = {NEW} if bucket.load() else set()
            count = len(loading.loaded)
            known = {export.export_id for export in loading.loaded}
            _load(loading, [delivery for delivery in written if delivery.export.export_id not in known], confirmed)
            assert bucket.refused == loading.refused
            batches.append(loading.loaded[count:])
            said = _renamed(succession, names)
            run_until_nothing_fails(bucket.lakehouse, [pipeline.declared(bucket.contract)], said)
        check(bucket, batches, said)


def _load(loading: Loading, written: Sequence[Delivery], confirmed: set[str]) -> None:
    pending = {delivery.export.export_id for delivery in loading.pending}
    loading.run(Run([delivery for delivery in written if delivery.export.export_id not in pending]))
    loading.run(Run(confirmed=confirmed))


def _renamed(succession: Succession, names: dict[str, str]) -> list[DecisionInput]:
    return [
        DecisionInput(decision.table, names[decision.export_id], decision.action)
        for decision in succession.decisions
        if decision.export_id in names
    ]


def check(bucket: Bucket, batches: Sequence[Sequence[ExportInput]], said: Sequence[DecisionInput]) -> None:
    """The table and its quarantine are the oracle's; nothing of a stranger is in."""
    truth = expected_of_runs(batches, answers=said)
    (table,) = (table for table in pipeline.SILVER if table.short_name == bucket.table)
    if bucket.table == TRANSACTIONS:
        assert pipeline.rows(bucket.lakehouse, table) == truth.silver_transactions
    else:
        assert pipeline.rows(bucket.lakehouse, table, "customer_id", "valid_from") == truth.silver_customers
    assert pipeline.quarantined(bucket.lakehouse, table) == truth.quarantine[bucket.table]
    assert set(bucket.refused.values()) <= {WRONG_TABLE, "full_export_missing"}

"""The oracle: what every table must hold after a history of exports, in whatever order they came.

Belongs here: putting the rules' modules together.
Does not: any rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from medallion_assets_tests.oracle import gold, history, state
from medallion_assets_tests.oracle.chain import Chain, Gap, Unprotected, settle_runs
from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.deletes import Deletes
from medallion_assets_tests.oracle.model import CONTRACT, CUSTOMERS, TABLES, TRANSACTIONS, Decision, ExportInput, Limits
from medallion_assets_tests.oracle.records import read_once

QuarantineRow = tuple[str, str, int, frozenset[str]]


@dataclass(frozen=True)
class Expected:
    """The tables, as plain rows sorted by key.

    What is by table name always names both tables: `quarantine`, `settled`, `rejected`, `waiting`, `stuck`, `held`,
    `unprotected`, and `deletes` (of each full export that was judged).
    A quarantine row is (export id, file, line, reasons); what is unprotected lies between two moments (rule C1).
    """

    silver_transactions: list[Row]
    silver_customers: list[Row]
    enriched: list[Row]
    daily_sales_summary: list[Row]
    quarantine: dict[str, set[QuarantineRow]]
    settled: dict[str, frozenset[str]]
    rejected: dict[str, frozenset[str]]
    waiting: dict[str, dict[str, Gap]]
    stuck: dict[str, str | None]
    held: dict[str, frozenset[str]]
    unprotected: dict[str, list[Unprotected]]
    deletes: dict[str, dict[str, Deletes]]

    @property
    def is_settled(self) -> bool:
        """Whether every export of both tables is settled: only then does the order of arrival not matter (rule K4)."""
        return not any(self.waiting.values()) and not any(self.stuck.values())

    def customer_ltv(self, as_of: date) -> list[Row]:
        """`gold/customer_ltv` of any day (rules G3, G4)."""
        return gold.customer_ltv(self.enriched, as_of)


def _quarantine(chain: Chain) -> set[QuarantineRow]:
    """The bad records of applied exports; those of a rejected one are nobody's (rules C4, C6)."""
    return {
        (export.export_id, record.file, record.line, record.reasons)
        for export in chain.applied
        for record in read_once(export)
        if not record.is_good
    }


def expected(exports: Sequence[ExportInput], decisions: Sequence[Decision] = (), limits: Limits = CONTRACT) -> Expected:
    """What the rules make of the exports, had all arrived before the first was judged.

    Repeated exports count once (rule B5); ValueError when one id comes with two contents.
    """
    return expected_of_runs([exports], decisions, limits)


def expected_of_runs(
    batches: Sequence[Sequence[ExportInput]],
    decisions: Sequence[Decision] = (),
    limits: Limits = CONTRACT,
    answers: Sequence[Decision] = (),
) -> Expected:
    """The same of exports that arrived batch by batch, each judged before the next one came (rules C7, K4).

    The decisions are known from the start; an answer is given when its export fails the gate.
    """
    chains = {
        table: settle_runs(
            [[export for export in batch if export.table == table] for batch in batches],
            [decision for decision in decisions if decision.table == table],
            limits,
            [answer for answer in answers if answer.table == table],
        )
        for table in TABLES
    }
    transactions = state.transactions(chains[TRANSACTIONS].applied)
    versions = history.customers(chains[CUSTOMERS].applied)
    enriched = history.enrich(transactions, versions)
    return Expected(
        silver_transactions=transactions,
        silver_customers=versions,
        enriched=enriched,
        daily_sales_summary=gold.daily_sales_summary(enriched),
        quarantine={table: _quarantine(chain) for table, chain in chains.items()},
        settled={table: chain.settled for table, chain in chains.items()},
        rejected={table: frozenset(export.export_id for export in chain.rejected) for table, chain in chains.items()},
        waiting={table: chain.waiting for table, chain in chains.items()},
        stuck={table: chain.stuck.export_id if chain.stuck else None for table, chain in chains.items()},
        held={table: frozenset(export.export_id for export in chain.held) for table, chain in chains.items()},
        unprotected={table: list(chain.unprotected) for table, chain in chains.items()},
        deletes={table: dict(chain.deletes) for table, chain in chains.items()},
    )

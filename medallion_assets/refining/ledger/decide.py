"""Deciding about batches: which decisions a person can still take (rule C4).

Belongs here: refusing a decision that cannot have an effect, before it is recorded.
Does not: the record of decisions, or acting on one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import expect_reason
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import Decision, record_decisions
from medallion_assets.refining.ledger.ledger import Ledger


def decide(lakehouse: Lakehouse, loaded: Loaded, decisions: Collection[Decision]) -> None:
    """Record what a person decided about batches of a judged Silver table, all of it or nothing.

    A decision is about a batch that Bronze holds and Silver has not settled; one that repeats what is recorded is
    fine, so that a run can be repeated with its run config.

    Raises:
        PermanentError: no reason is given, a batch is named twice, is unknown, or was settled or decided otherwise
            before; the message lists the batches that can be decided.
    """
    if not decisions:
        return
    table, word = loaded.table, loaded.source.batch_word
    _expect_reasons(loaded, decisions)
    _expect_once(loaded, decisions)
    bronze = lakehouse.open(bronze_table(table.short_name))
    ledger = Ledger.read(loaded, bronze, lakehouse.find(table))
    held = {batch.id for batch in ledger.batches}
    for subject in sorted({decision.subject for decision in decisions} - ledger.pending_ids - set(ledger.decisions)):
        raise PermanentError(
            f"nothing can be decided about {word} {subject}",
            where=table.name,
            expected=f"one of the {word}s that wait: {_listed(ledger)}",
            found="one that is settled" if subject in held else f"one that {bronze.table.name} lacks",
            do=f"correct or leave out this {word} in the run config",
        )
    record_decisions(lakehouse, decisions)


def _expect_reasons(loaded: Loaded, decisions: Collection[Decision]) -> None:
    for decision in decisions:
        about = f"the decision about {loaded.source.batch_word} {decision.subject}"
        expect_reason(about, decision.reason, where=loaded.table.name, do="give a reason in the run config")


def _expect_once(loaded: Loaded, decisions: Collection[Decision]) -> None:
    for subject, times in Counter(decision.subject for decision in decisions).items():
        if times > 1:
            raise PermanentError(
                f"{loaded.source.batch_word} {subject} is named {times} times in one run config",
                where=loaded.table.name,
                expected="one decision about each",
                found=", ".join(decision.action for decision in decisions if decision.subject == subject),
                do="leave all but one out",
            )


def _listed(ledger: Ledger) -> str:
    return ", ".join(batch.id for batch in ledger.pending) or "none, all are settled"

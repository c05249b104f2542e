"""Rule C7: full exports that would delete too much wait for a person, whatever came before them and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import TABLES, Decision, ExportInput, Limits
from medallion_assets_tests.oracle.oracle import expected, expected_of_runs
from medallion_assets_tests.oracle.strategies import (
    answers,
    arrivals,
    arrivals_in_order,
    decisions,
    shrinking_histories,
)
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_order_of_arrival import check_silver

LIMITS = st.sampled_from([Limits(0.3, 2), Limits(0.5, 1), Limits(0.5, 2), Limits(0.0, 1), Limits(0.5, 3)])
"""Such that a few rows are many."""


def with_limits(limits: Limits) -> tuple[Loaded, ...]:
    """Both tables, with these limits."""
    gate = GatePolicy(max_delete_share=limits.max_delete_share, max_delete_min_rows=limits.max_delete_min_rows)
    return tuple(pipeline.declared(table, gate=gate) for table in pipeline.SILVER)


@pytest.mark.slow
@examples()
@given(data=st.data(), exports=shrinking_histories(), limits=LIMITS)
def test_what_a_full_export_would_delete_is_judged_when_it_is_its_turn(
    data: st.DataObject, exports: tuple[ExportInput, ...], limits: Limits
) -> None:
    """C3, C4, C7, K4: batch by batch; a person decides as soon as something fails, and recorded verdicts stand."""
    batches = data.draw(st.one_of(arrivals_in_order(exports), arrivals_in_order(exports), arrivals(exports)))
    said = data.draw(answers(exports))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        for number, batch in enumerate(batches, start=1):
            for export in batch:
                pipeline.land(lakehouse, export)
            decided = run_until_nothing_fails(lakehouse, with_limits(limits), said)
            before = expected_of_runs(batches[: number - 1], (), limits, said)
            truth = expected_of_runs(batches[:number], (), limits, said)
            rejected = {decision.export_id for decision in decided if decision.action == "reject"}
            for table in TABLES:
                assert truth.rejected[table] - before.rejected[table] == {
                    export_id for export_id in rejected if export_id in truth.settled[table]
                }
        check_silver(lakehouse, expected_of_runs(batches, (), limits, said))


def run_until_nothing_fails(
    lakehouse: Lakehouse, declarations: Sequence[Loaded], said: Sequence[Decision]
) -> list[Decision]:
    """Run, and let a person decide about what fails, until nothing does: what was decided."""
    answer = {(decision.table, decision.export_id): decision for decision in said}
    decided: list[Decision] = []
    while True:
        done = pipeline.run_silver(lakehouse, declarations)
        failing = [(name, refined.failing.batch.id) for name, refined in done.items() if refined.failing]
        if not failing:
            return decided
        now = [answer[failed] for failed in failing]
        assert not [decision for decision in now if decision in decided], "a decision was recorded and does not count"
        pipeline.decide(lakehouse, now)
        decided += now


@pytest.mark.slow
@examples()
@given(data=st.data(), exports=shrinking_histories(), limits=LIMITS)
def test_what_is_stopped_by_what_it_would_delete(
    data: st.DataObject, exports: tuple[ExportInput, ...], limits: Limits
) -> None:
    """C3, C4, C7: had all arrived at once; some of what fails is decided, the next one that fails stops the rest."""
    said = data.draw(decisions(exports, limits=limits))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, said)
        for export in exports:
            pipeline.land(lakehouse, export)
        done = pipeline.run_silver(lakehouse, with_limits(limits))
        truth = expected(exports, said, limits)
        check_silver(lakehouse, truth)
        for table in TABLES:
            failing = done[table].failing
            assert (failing.batch.id if failing else None) == truth.stuck[table]
            assert {export.export_id for export in done[table].applied} == truth.settled[table] - truth.rejected[table]

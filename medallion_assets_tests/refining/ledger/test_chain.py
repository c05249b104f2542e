"""What is covered, what is judged next, and where a gap is (rules C1 to C3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import attrgetter

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.refining.ledger.chain import Gap, Reach, Reaches, gaps, next_batch, reach
from medallion_assets.refining.ledger.origins import Origins
from medallion_assets_tests.refining.planting import AT, HOUR, MINUTE, export_id

SECOND = timedelta(seconds=1)


def batch(number: int, kind: BatchKind, begin: datetime, end: datetime) -> Batch:
    edges = {"covers_from": begin, "covers_to": end, "uncertainty": MINUTE}
    return Batch(id=export_id(number), kind=kind, records=1, started_at=end, **edges)  # type: ignore[arg-type]


def full(number: int, at: datetime = AT) -> Batch:
    return batch(number, BatchKind.FULL, at, at)


def window(number: int, begin: datetime, hours: int = 1) -> Batch:
    return batch(number, BatchKind.CHANGES, begin, begin + timedelta(hours=hours))


def in_order(*batches: Batch) -> list[Batch]:
    """As a ledger has what is pending."""
    return sorted(batches, key=attrgetter("order"))


def until(moment: datetime | None) -> Reaches:
    """A chain of windows that ends there."""
    return reach([], moment)


def test_a_chain_begins_with_a_full_export_or_where_the_contract_says() -> None:
    """C1: before that nothing is covered, and windows wait. A full export covers a minute less than its time."""
    assert reach([], None).covered_until is None
    assert reach([full(1)], None).by_origin == (Reach(covered_until=AT - MINUTE, joins_until=AT),)
    assert reach([full(1), window(2, AT)], None) == until(AT + HOUR)
    assert reach([], AT).covered_until == AT
    assert reach([full(1)], AT + 2 * HOUR) == until(AT + 2 * HOUR)
    assert next_batch([window(1, AT)], until(None)) is None
    assert next_batch([window(1, AT)], until(AT)) == window(1, AT)


def test_windows_that_touch_or_overlap_join() -> None:
    """C1: one that begins a moment later waits; after a full export, a moment later than its time."""
    later = window(1, AT + timedelta(microseconds=1))
    assert next_batch([window(1, AT)], until(AT)) is not None
    assert next_batch([window(1, AT - 5 * HOUR, hours=9)], until(AT)) is not None
    assert next_batch([later], until(AT)) is None
    assert next_batch([window(1, AT)], reach([full(2)], None)) is not None
    assert next_batch([later], reach([full(2)], None)) is None


def test_exports_are_judged_by_their_end_and_then_by_id() -> None:
    """C3: never by arrival or start; a window that waits does not hold up a full export behind it."""
    late, early, twin = full(1, AT + 3 * HOUR), window(9, AT, hours=2), window(8, AT - HOUR, hours=3)
    assert next_batch(in_order(late, early, twin), until(AT)) == twin
    assert next_batch(in_order(late, early), until(AT)) == early
    assert next_batch(in_order(late, window(2, AT + HOUR)), until(AT)) == late


def test_a_gap_is_named_with_both_edges() -> None:
    """C1: in the order of judging, with what a person is to do."""
    waiting, other = window(3, AT + 2 * HOUR), window(2, AT + 5 * HOUR)
    assert gaps([other, waiting], until(AT)) == [
        Gap(batch_id=waiting.id, covered_until=AT, window_from=AT + 2 * HOUR),
        Gap(batch_id=other.id, covered_until=AT, window_from=AT + 5 * HOUR),
    ]
    text = str(gaps([waiting], until(AT), "export")[0])
    assert "2025-03-08T12:00:00+00:00 to 2025-03-08T14:00:00+00:00" in text
    assert "; make the export of that window, or a full one" in text
    assert "no full export has begun the chain" in str(gaps([waiting], until(None), "export")[0])


def test_what_only_waits_for_a_verdict_has_no_gap_before_it() -> None:
    """C2: exports that are here and not judged yet, such as one at the gate, will cover what they cover."""
    assert gaps([window(2, AT + HOUR), window(1, AT)], until(AT)) == []
    assert gaps([window(2, AT + HOUR), full(1, AT + HOUR)], until(None)) == []
    (gap,) = gaps([window(3, AT + 5 * HOUR), window(1, AT)], until(AT))
    assert (gap.covered_until, gap.window_from) == (AT + HOUR, AT + 5 * HOUR)


def test_the_gap_after_a_full_export_begins_where_it_is_sure_of() -> None:
    """C1: a window that covers the gap covers the minute as well."""
    (gap,) = gaps([window(2, AT + SECOND)], reach([full(1)], None))
    assert (gap.covered_until, gap.window_from) == (AT - MINUTE, AT + SECOND)


def test_a_table_made_anew_has_a_chain_of_its_own() -> None:
    """B3: its windows wait for its full export, however far the former chain goes; the former one's do not wait."""
    origins = Origins(numbers={export_id(number): 1 for number in (5, 6, 7)})
    former, new, joins, too_late = (
        window(2, AT, hours=9),
        full(5, AT + 2 * HOUR),
        window(6, AT + HOUR),
        window(7, AT + 5 * HOUR),
    )
    before = reach([full(1), former], None, origins)
    assert next_batch([joins, too_late], before) is None
    assert [(gap.batch_id, gap.covered_until) for gap in gaps([joins], before)] == [(joins.id, None)]
    assert next_batch([new, joins], before) == new
    after = before.after(new)
    assert (after.covered_until, next_batch([joins, too_late], after)) == (AT + 2 * HOUR - MINUTE, joins)
    assert [gap.batch_id for gap in gaps([too_late], after)] == [too_late.id]
    assert next_batch([window(3, AT + 20 * HOUR)], after) is None
    assert reach([full(1), new], None, origins).joined_by(window(3, AT + 2 * HOUR))

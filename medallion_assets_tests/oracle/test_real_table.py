"""The simulated table's exports are as AWS takes them, and the rules make the real table of them: planted cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from medallion_assets_tests.oracle.lines import Item, customer, transaction
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.real_state import differing, open_by_k1, open_by_overlap, revived, under_way
from medallion_assets_tests.oracle.real_strategies import Plan, RealHistory, Recipe, moment
from medallion_assets_tests.oracle.real_table import RealTable, Write
from medallion_assets_tests.oracle.records import read

T = 600
"""When the full exports of this module are taken, in seconds."""
S = T - 60


def at(seconds: float) -> int:
    return micros(moment(seconds))


def table(*writes: tuple[float, str, str | None]) -> RealTable:
    """Writes by second and key: a status, or None for a delete."""
    return RealTable(
        TRANSACTIONS,
        tuple(Write(at(second), key, _item(key, status)) for second, key, status in sorted(writes)),
    )


def _item(key: str, status: str | None) -> Item | None:
    return None if status is None else transaction(key, status={"S": status})


def told(export: ExportInput) -> dict[str | None, tuple[float, str | None]]:
    """The seconds and status of an export's records, by key."""
    return {
        record.key: ((record.sequence or 0) / 1e6 - at(0) / 1e6, record.row["status"] if record.row else None)
        for record in read(export)
    }


def test_a_full_export_holds_each_item_as_of_its_own_moment_of_the_minute() -> None:
    """What is in until T - 60 s is in, nothing of after T + 60 s is, what lies between is, or is not, item by item."""
    tick = 1e-6
    real = table(
        *[(S, f"in{number}", "completed") for number in range(3)],
        *[(T + 60 + tick, f"late{number}", "completed") for number in range(3)],
        *[(S, f"gone{number}", "pending") for number in range(3)],
        *[(T + 60 + tick, f"gone{number}", None) for number in range(3)],
        *[(T + second, f"maybe{second}", "refunded") for second in range(-59, 60)],
    )
    held = [set(told(real.full_export("1", moment(T), Random(seed)))) for seed in range(30)]
    sure = {f"{kind}{number}" for kind in ("in", "gone") for number in range(3)}
    assert set.intersection(*held) == sure
    assert set.union(*held) == sure | {f"maybe{second}" for second in range(-59, 60)}
    order = [sorted(int(key[5:]) for key in keys - sure) for keys in held]
    assert any(list(range(-59, len(keys) - 59)) != keys for keys in order), "some export is not the table of any moment"


def test_a_window_has_the_last_write_of_every_key_that_changed() -> None:
    """From inclusive, to exclusive; nothing of a key that is absent at both ends."""
    real = table(
        (99, "before", "pending"),
        (100, "at_begin", "pending"),
        (199.999999, "at_end", "pending"),
        (200, "after", "pending"),
        (150, "twice", "pending"), (160, "twice", "completed"),
        (50, "deleted", "pending"), (150, "deleted", None),
        (50, "back", "pending"), (150, "back", None), (160, "back", "refunded"),
        (50, "back_and_gone", "pending"), (150, "back_and_gone", None), (160, "back_and_gone", "pending"),
        (170, "back_and_gone", None),
        (150, "born_and_gone", "pending"), (160, "born_and_gone", None),
        (50, "gone_before", "pending"), (60, "gone_before", None), (150, "gone_before", "pending"),
        (160, "gone_before", None),
    )  # fmt: skip
    assert told(real.window("1", moment(100), moment(200), Random(0))) == {
        "at_begin": (100, "pending"),
        "at_end": (pytest.approx(199.999999), "pending"),
        "twice": (160, "completed"),
        "deleted": (150, None),
        "back": (160, "refunded"),
        "back_and_gone": (170, None),
    }


def history(real: RealTable, plan: Plan, random: Random | None = None) -> RealHistory:
    random = random or Random(0)
    fulls = [real.full_export(f"f{number}", moment(time), random) for number, time in enumerate(plan.fulls)]
    windows = [
        real.window(f"w{number}", from_at, to_at, random) for number, (from_at, to_at) in enumerate(plan.windows)
    ]
    return RealHistory(real, (*fulls, *windows))


def wrong(found: RealHistory) -> set[str]:
    """The keys whose transaction is not the real one."""
    return differing(found, expected(found.exports).silver_transactions)


def differences(busy: RealHistory) -> set[str]:
    """The keys whose live row, or current version, is not the real one."""
    answer = expected(busy.exports)
    assert answer.is_settled
    assert not any(answer.unprotected.values())
    return differing(busy, answer.silver_transactions if busy.real.name == TRANSACTIONS else answer.silver_customers)


@pytest.mark.parametrize("name", [TRANSACTIONS, CUSTOMERS])
def test_nothing_differs_from_a_table_that_is_written_to_all_the_time(name: str) -> None:
    """Rules R1, K1: three full exports, windows without gaps, nothing born and deleted within one of them.

    With a full export's own time as the sequence of its items, most histories end with something lost, revived or old.
    """
    plan, fifteen_minutes = Plan(0, (900, 1800), (60, 930, 1740)), timedelta(minutes=15)
    recipes = [Recipe(name, seed, plan, timedelta(seconds=4), fifteen_minutes) for seed in range(8)]
    histories = [recipe.history() for recipe in recipes]
    assert [differences(busy) for busy in histories] == [set()] * 8
    as_before = [
        replace(busy, exports=tuple(replace(export, spread=timedelta()) for export in busy.exports))
        for busy in histories
    ]
    assert sum(bool(differences(busy)) for busy in as_before) > 4


@pytest.mark.parametrize("born", [S - 500, S, S + 1, T, T + 59])
@pytest.mark.parametrize("ends", [1000, 2000])
def test_an_item_born_and_deleted_within_a_window_may_live_until_the_next_full_export(born: int, ends: int) -> None:
    """Rule K1, what is open: the window has no record of it, the full export may hold it."""
    real = table((born, "k", "pending"), (900, "k", None), (10, "other", "pending"))
    taken = [history(real, Plan(0, (ends,), (T,)), Random(seed)) for seed in range(20)]
    assert all(wrong(drawn) == revived(drawn) <= open_by_k1(drawn) for drawn in taken)
    assert any(wrong(drawn) == {"k"} for drawn in taken)
    healed = [history(real, Plan(0, (ends, 3000), (T, T2)), Random(seed)) for seed in range(20) for T2 in (960, 2500)]
    assert [drawn for drawn in healed if wrong(drawn)] == []


@pytest.mark.parametrize(
    ("writes", "ends"),
    [
        ([(T, "k", "pending"), (900, "k", None)], (900, 2000)),
        ([(T - 1, "k", "pending"), (900, "k", None)], (T, 1600)),
        ([(T - 1, "k", "pending"), (S + 119, "k", None)], (T + 10, 1600)),
        ([(S + 1, "k", "pending"), (900, "k", None), (901, "k", "refunded")], (1000,)),
        ([(10, "k", "pending"), (S, "k", None)], (1600,)),
        ([(10, "k", "pending"), (S, "k", None)], (S, 1600)),
    ],
)  # fmt: skip
def test_what_the_records_know_is_right_whatever_the_full_export_saw(
    writes: list[tuple[float, str, str | None]], ends: tuple[int, ...]
) -> None:
    """Rule K1: none of these is born and deleted within one window that reaches past S."""
    real = table(*writes)
    taken = [history(real, Plan(0, ends, (T,)), Random(seed)) for seed in range(20)]
    assert [wrong(drawn) for drawn in taken if wrong(drawn) or revived(drawn)] == []


def test_what_is_written_where_nothing_protects_it_may_be_lost_until_a_window_overlaps() -> None:
    """Rule C1: the first window begins at T, so what is written within the minute may be in no export."""
    real = table((10, "k", "pending"), (T - 30, "k", "refunded"))
    late, early = Plan(T, (2000,), (T,)), Plan(0, (S + 60,), ())
    unprotected = [history(real, late, Random(seed)) for seed in range(20)]
    for drawn in unprotected:
        assert expected(drawn.exports).unprotected[TRANSACTIONS] == [(moment(S), moment(T))]
    assert any(wrong(drawn) == {"k"} for drawn in unprotected)
    (overlapping,) = (real.window("o", *span, Random(0)) for span in early.windows)
    protected = [replace(drawn, exports=(*drawn.exports, overlapping)) for drawn in unprotected]
    assert all(expected(drawn.exports).unprotected[TRANSACTIONS] == [] for drawn in protected)
    assert [drawn for drawn in protected if wrong(drawn)] == []


@pytest.mark.parametrize("kind", ["new", "change", "delete"])
def test_a_replicated_write_under_way_at_s_may_be_lost_until_the_next_full_export(kind: str) -> None:
    """Rules K1, R1: it was made before S in another region and came after it; its record is good, and older than S."""
    before = [] if kind == "new" else [Write(at(10), "k", _item("k", "pending"))]
    late = Write(at(700), "k", None if kind == "delete" else _item("k", "refunded"), lag=300 * 1_000_000)
    real = RealTable(TRANSACTIONS, (*before, Write(at(11), "other", _item("other", "pending")), late))
    assert (late.written_at < at(S), late.at > at(T + 60)) == (True, True)
    lost = history(real, Plan(0, (600, 1500), (T,)))
    assert wrong(lost) == under_way(lost) == {"k"}
    assert expected(lost.exports).quarantine[TRANSACTIONS] == set()
    assert wrong(history(real, Plan(0, (600, 1500), (T, 1400)))) == set()
    assert wrong(history(real, Plan(0, (600, 1500), (300,)))) == set()


@pytest.mark.parametrize("name", [TRANSACTIONS, CUSTOMERS])
def test_writes_that_come_from_replicas_hours_late_are_good(name: str) -> None:
    """Rule R1: write times hours before their window, or just after it, are no fault; nothing else differs."""
    plan = Plan(0, (900, 1800), (60, 930, 1740))
    every, life, lag = timedelta(seconds=4), timedelta(minutes=15), timedelta(hours=6)
    for seed in range(8):
        busy = Recipe(name, seed, plan, every, life, lag).history()
        answer = expected(busy.exports)
        assert answer.quarantine[name] == set()
        rows = answer.silver_transactions if name == TRANSACTIONS else answer.silver_customers
        assert differing(busy, rows) <= under_way(busy) | open_by_k1(busy)
        assert any(write.written_at < at(-3600) for write in busy.real.writes)
        assert any(write.written_at > write.at for write in busy.real.writes)


def test_an_item_born_where_windows_overlap_may_live_until_the_next_full_export() -> None:
    """What is open of two windows: one tells of the item, the other one, in which it is deleted, has no record."""
    real = table((950, "k", "pending"), (1200, "k", None), (960, "known", "pending"), (990, "known", None),
                 (10, "other", "pending"))  # fmt: skip
    overlapping = history(real, Plan(0, (1000, 2000), (T,), overlap=100))
    assert wrong(overlapping) == revived(overlapping) == open_by_overlap(overlapping) == {"k"}
    assert wrong(history(real, Plan(0, (1000, 2000), (T,)))) == set()
    assert wrong(history(real, Plan(0, (1000, 2000), (T, 1500), overlap=100))) == set()


@pytest.mark.parametrize(("moved", "ends"), [(S + 1, False), (S + 120, False), (S + 1, True), (S + 120, True)])
def test_a_version_begins_and_ends_with_the_record_that_the_full_export_saw(moved: int, ends: bool) -> None:
    """Rule H1: a full export that saw a change of its two minutes does not make it any older."""
    writes = [(10, "vip"), (moved, None)] if ends else [(moved, "vip")]
    real = RealTable(
        CUSTOMERS,
        tuple(
            Write(at(second), "c1", segment and customer("c1", customer_segment={"S": segment}))  # type: ignore[arg-type]
            for second, segment in writes
        ),
    )
    for seed in range(20):
        ((row),) = expected(history(real, Plan(0, (300, 2000), (T,)), Random(seed)).exports).silver_customers
        assert (row["valid_to"] if ends else row["valid_from"]) == moment(moved)

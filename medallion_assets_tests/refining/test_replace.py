"""A file is a whole month: its versions replace each other, and no month waits for another (rules E1 to E6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from medallion_assets.contracts.months import Months
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.source import BatchRefusedError
from medallion_assets.contracts.table import Column, Text
from medallion_assets.delta.notes.commit_notes import commit_note, last_commit
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.refining import replace as replacing
from medallion_assets.refining.bronze import bronze_table, load_batch
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.ledger.decisions import DecisionAction
from medallion_assets.refining.ledger.ledger import REJECTED_NOTE
from medallion_assets.refining.redrive import redrive
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.refining.months import LOADED, NOVEMBER, NOW, OCTOBER, STRICT, Shop, event
from medallion_assets_tests.refining.planting import lake

INDEXED = "delta.dataSkippingNumIndexedCols"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_month_comes_typed_judged_and_each_event_once(shop: Shop) -> None:
    """E1 to E4: equal records count once, a price may be absent, and every reason has its name."""
    lines = (
        event("a"),
        event("b", price="", brand=" ACME ", user_session=""),
        event("a"),
        event("c", user_id=""),
        event("d", price="-0.01"),
        event("e", event_type="look"),
        event("f", month=11),
        event("g", event_time="2019-10-05T10:20:30Z"),
        event("h", price="1e1"),
        event("c", user_id=""),
        "too,few",
    )
    first = shop.write("2019-Oct", 1, *lines)
    done = shop.run()
    assert shop.products() == ["a", "b", "h"]
    rows = shop.rows()
    assert rows["event_month"].unique().to_list() == [OCTOBER]
    assert rows["event_time"][0] == datetime(2019, 10, 5, 10, 20, 30, tzinfo=UTC)
    assert rows.select("price", "brand", "user_session").row(1) == (None, "acme", None)
    assert rows["price"].to_list() == [Decimal("1.5"), None, Decimal(10)]
    assert shop.quarantined() == [
        (first, 4, ["missing"]),
        (first, 5, ["valid_price"]),
        (first, 6, ["event_type_unknown"]),
        (first, 7, ["outside_month"]),
        (first, 8, ["timestamp_malformed"]),
        (first, 11, ["wrong_column_count"]),
    ]
    (counted,) = done.applied
    assert (counted.records, counted.bad, counted.duplicates) == (9, 6, 2)
    assert done.restated == {OCTOBER}


def test_a_table_may_have_more_columns_than_delta_rs_gives_bounds_of(tmp_path: Path) -> None:
    """Of 32, unless the log says otherwise: the second month of such a table failed for want of its batches' bounds.

    A table of before says it once a stage has written it.
    """
    more = tuple(Column(f"copy_{n}", Text(), "a copy", source="brand", nullable=True) for n in range(40))
    wide = replace(ECOMMERCE_EVENTS, columns=(*more, *ECOMMERCE_EVENTS.columns))
    shop = Shop(tmp_path, loaded=replace(LOADED, table=wide))
    table = shop.lakehouse.ready(wide)
    assert table.delta.metadata().configuration[INDEXED] == "-1"
    shop.write("2019-Oct", 1, event("a"), event("b"))
    shop.run()
    before = shop.lakehouse.open(wide)
    before.delta.alter.set_table_properties({INDEXED: "32"})  # as delta-rs has it where the log says nothing
    assert replacing.published_batches(before) == replacing.published_batches(shop.lakehouse.open(wide))
    shop.write("2019-Nov", 1, event("n", month=11))
    shop.write("2019-Oct", 2, event("c"))
    shop.run()
    assert shop.products() == ["n", "c"]
    assert shop.lakehouse.open(wide).files["min._export_id"].null_count() == 0


def test_a_later_version_replaces_a_month_in_every_layer(shop: Shop) -> None:
    """E6: rows, lines, and bad rows of the older one are gone; the other month stays."""
    shop.write("2019-Oct", 1, event("a"), event("b"), event("bad", user_id=""))
    november = shop.write("2019-Nov", 1, event("n", month=11), event("bad", month=11, user_id=""))
    shop.run()
    second = shop.write("2019-Oct", 2, event("b"), event("c"), event("worse", price="dear"))
    done = shop.run()
    assert [counted.export_id for counted in done.applied] == [second]
    assert shop.products() == ["n", "b", "c"]
    assert shop.bronze() == [november, second]
    assert shop.quarantined() == [(november, 2, ["missing"]), (second, 3, ["not_a_number"])]
    version = done.version
    assert shop.run().version == version  # once


@pytest.mark.parametrize("order", first_quick(*permutations((3, 2, 1))))
def test_in_any_order_the_version_that_was_written_last_counts(tmp_path: Path, order: tuple[int, ...]) -> None:
    """E1: one that comes late changes nothing, and is named."""
    shop = Shop(tmp_path)
    ids = {}
    for version in order:
        ids[version] = shop.write("2019-Oct", version, event(f"v{version}"))
        shop.run()
    assert shop.products() == ["v3"]
    assert shop.bronze() == [ids[3]]
    # A version that was replaced lies there still, as it does when it has another name (.csv and .csv.gz).
    named = [(refused.export_id, refused.verdict) for refused in shop.ingest().refused]
    assert named == [(ids[1], "superseded"), (ids[2], "superseded")]


def test_a_month_that_fails_the_gate_stops_no_other_and_leaves_its_first_version(shop: Shop) -> None:
    """C3, C4: it waits for a decision, and is asked about once in a run."""
    first = shop.write("2019-Oct", 1, event("a"), event("bad", user_id=""))
    shop.run()
    second = shop.write("2019-Oct", 2, event("b"), event("bad", user_id=""))
    november = shop.write("2019-Nov", 3, event("n", month=11))
    done = shop.run(gate=STRICT)
    assert [failing.batch.id for failing in done.held] == [second]
    assert [counted.export_id for counted in done.applied] == [november]
    assert shop.products() == ["a", "n"]
    assert [row[0] for row in shop.quarantined()] == [first]
    shop.decide(second, DecisionAction.ACCEPT)
    assert shop.run(gate=STRICT).held == []
    assert shop.products() == ["b", "n"]
    assert [row[0] for row in shop.quarantined()] == [second]


def test_a_version_that_a_person_rejects_leaves_the_month_as_it_is(shop: Shop) -> None:
    """C4: and the next one counts again."""
    shop.write("2019-Oct", 1, event("a"))
    shop.run()
    second = shop.write("2019-Oct", 2, event("b"))
    shop.decide(second, DecisionAction.REJECT)
    done = shop.run()
    assert (done.rejected, done.applied, shop.products()) == ([second], [], ["a"])
    commit = last_commit(shop.lakehouse.open(ECOMMERCE_EVENTS), REJECTED_NOTE)
    assert commit is not None
    assert commit_note(commit, REJECTED_NOTE) == [second]
    shop.write("2019-Oct", 3, event("c"))
    shop.run()
    assert shop.products() == ["c"]


def test_a_version_that_is_much_smaller_waits_for_a_decision(shop: Shop) -> None:
    """C7: a month that shrinks may be a file that was cut off between two lines."""
    shop.write("2019-Oct", 1, *(event(f"p{number}") for number in range(10)))
    shop.run()
    second = shop.write("2019-Oct", 2, event("p1"))
    (failing,) = shop.run(gate=GatePolicy(max_delete_min_rows=9)).held
    assert (failing.batch.id, failing.counted.live, failing.counted.absent) == (second, 10, 9)
    assert shop.run().held == []
    assert shop.products() == ["p1"]


def test_one_month_alone_can_be_asked_for(shop: Shop) -> None:
    october = shop.write("2019-Oct", 1, event("a"))
    shop.write("2019-Nov", 1, event("n", month=11))
    shop.ingest(OCTOBER)
    assert shop.bronze() == [october]
    shop.ingest()
    shop.refine(NOVEMBER)
    assert shop.products() == ["n"]
    shop.refine(OCTOBER)
    assert shop.products() == ["n", "a"]


def test_a_month_without_an_event_is_empty_and_settled(shop: Shop) -> None:
    """E1: of its latest version, which has none."""
    shop.write("2019-Oct", 1, event("a"))
    shop.run()
    second = shop.write("2019-Oct", 2)
    shop.ingest()
    shop.decide(second, DecisionAction.ACCEPT)
    done = shop.refine()
    assert (shop.products(), done.restated) == ([], {OCTOBER})
    assert shop.refine().version == done.version


def test_months_that_are_judged_at_once_are_both_committed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost race of another month costs no second judging."""
    october = shop.write("2019-Oct", 1, event("a"))
    november = shop.write("2019-Nov", 1, event("n", month=11))
    shop.ingest()
    judged_batches: list[str] = []
    judge = replacing.judge_batches

    def meanwhile(bronze: object, loaded: object, exports: list[object], folder: object) -> object:
        judged_batches.extend(batch.id for batch in exports)  # type: ignore[attr-defined]
        found = judge(bronze, loaded, exports, folder)  # type: ignore[arg-type]
        if len(judged_batches) == 1:
            shop.refine(OCTOBER)
        return found

    monkeypatch.setattr(replacing, "judge_batches", meanwhile)
    shop.refine(NOVEMBER)
    assert judged_batches == [november, october]
    assert shop.products() == ["n", "a"]


def test_what_another_contract_lets_in_is_driven_again_once(shop: Shop) -> None:
    """C6: it comes beside the other rows of its month; the lines of a version that is gone are left alone."""
    shop.write("2019-Oct", 1, event("a"), event("b", price="-1"), event("c", user_id=""))
    shop.run()
    lenient = replace(LOADED, table=replace(ECOMMERCE_EVENTS, expectations=ECOMMERCE_EVENTS.expectations[:2]))
    done = redrive(shop.lakehouse, lenient, now=NOW)
    assert (done.redriven, done.still_bad, done.restated) == (1, {"missing": 1}, {OCTOBER})
    assert shop.products() == ["a", "b"]
    events = shop.rows().rename({}).lazy()
    again = replacing.add_rows(shop.lakehouse.open(ECOMMERCE_EVENTS), events.collect())
    assert (again.written, again.rows) == ([], 0)


def test_the_bad_rows_of_a_version_leave_only_after_the_next_one_is_published(shop: Shop) -> None:
    """So a run that ends between the two loses none, and the next one takes them out."""
    first = shop.write("2019-Oct", 1, event("a"), event("bad", user_id=""))
    shop.run()
    shop.write("2019-Oct", 2, event("b"))
    shop.ingest()
    shop.refine(NOVEMBER)
    assert [row[0] for row in shop.quarantined()] == [first]
    shop.refine()
    assert shop.quarantined() == []


def test_a_table_without_a_key_needs_months_and_a_column_of_its_batch(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="a key, or months"):
        replace(LOADED, months=None)
    with pytest.raises(PermanentError, match="first day"):
        Months(first=OCTOBER.replace(day=2))
    columns = tuple(replace(column, of_batch=False) for column in ECOMMERCE_EVENTS.columns)
    with pytest.raises(PermanentError, match="of_batch"):
        checked(replace(ECOMMERCE_EVENTS, columns=columns))
    assert checked(ECOMMERCE_EVENTS).row_id == ("_export_id", "_line_number")
    assert not lake(tmp_path).exists(bronze_table("ecommerce_events"))


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        ("2019-10-31 23:59:59 UTC", None),
        ("2019-10-31 23:59:59.5 UTC", "timestamp_malformed"),
        ("2019-10-31 23:59:59", "timestamp_malformed"),
        ("2019-10-31T23:59:59Z", "timestamp_malformed"),
        ("2019-10-32 00:00:00 UTC", "timestamp_malformed"),
        ("2019-10-31 23:59:60 UTC", "timestamp_malformed"),
        ("1989-10-01 00:00:00 UTC", "timestamp_too_old"),
        ("2020-01-01 00:02:01 UTC", "timestamp_in_future"),
        ("2019-11-01 00:00:00 UTC", "outside_month"),
        ("", "missing"),
    ],
)
def test_an_events_moment_has_one_spelling_and_lies_in_its_month(shop: Shop, spelling: str, reason: str | None) -> None:
    """E2, T1."""
    first = shop.write("2019-Oct", 1, event("a", event_time=spelling))
    shop.run()
    assert shop.quarantined() == ([] if reason is None else [(first, 1, [reason])])


def test_a_version_that_a_later_one_overtook_while_it_was_read_is_refused(shop: Shop) -> None:
    """E6: by the commit itself, which sees what has come in meanwhile."""
    second = shop.write("2019-Oct", 2, event("b"))
    shop.ingest()
    older = shop.write("2019-Oct", 1, event("a"))
    found = next(found for found in LOADED.source.find(shop.place).batches if found.id == older)
    first = LOADED.source.read(shop.place, found).batch
    with pytest.raises(BatchRefusedError, match="older version"):
        load_batch(shop.lakehouse, bronze_table("ecommerce_events"), first, [])
    assert shop.bronze() == [second]

"""History is a function of the set of events (rule H1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import narwhals as nw
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.refining.merging.history import versions
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.properties.examples import examples

PLACES = Table(
    name="silver.places",
    description="A table with a key of two columns.",
    key=("city", "street"),
    history=True,
    columns=(
        Column("city", Text(trim=False), "key", source="city"),
        Column("street", Text(trim=False), "key", source="street"),
        Column("colour", Text(), "a state", source="colour", nullable=True),
        Column("floors", Integer(), "a state", source="floors", nullable=True),
    ),
)


SECOND = 1_000_000


class Event(NamedTuple):
    """One valid event of a key; without colour and floors a delete or an absence may be meant."""

    at: int
    colour: str | None = None
    floors: int | None = None
    delete: bool = False
    incremental: bool = True
    export: str = "e1"
    city: str = "Rome"
    street: str = "a"


EVENT_SCHEMA = {
    "_sequence_micros": pl.Int64,
    "colour": pl.String,
    "floors": pl.Int64,
    "_is_delete": pl.Boolean,
    "_is_incremental": pl.Boolean,
    "_export_id": pl.String,
    "city": pl.String,
    "street": pl.String,
}


def history(*events: Event) -> list[dict[str, Any]]:
    frame = nw.from_native(pl.LazyFrame(list(events), schema=EVENT_SCHEMA, orient="row"))
    native: pl.DataFrame = versions(frame, PLACES, EXPORTS.uncertainty).collect().to_native()
    assert native.columns == list(PLACES.column_names)
    return native.sort("city", "street", "valid_from").to_dicts()


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def figures(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(colour, valid_from, valid_to, current, deleted, export) of each version."""
    names = ("colour", "valid_from", "valid_to", "is_current", "is_deleted", "_export_id")
    return [tuple(row[name] for name in names) for row in rows]


def test_a_version_holds_until_the_next_one() -> None:
    """Rule H1."""
    rows = history(Event(20, "blue", export="e2"), Event(10, "red"))
    assert figures(rows) == [
        ("red", moment(10), moment(20), False, False, "e1"),
        ("blue", moment(20), None, True, False, "e2"),
    ]
    assert [row["_sequence_micros"] for row in rows] == [10, 20]


def test_equal_consecutive_states_are_one_version_from_the_earliest_moment() -> None:
    """Rule H1; null equals null, and a null differs from a value."""
    rows = history(
        Event(10, None, 1),
        Event(20, None, 1, export="e2"),
        Event(30, "red", 1),
        Event(40, "red", None),
        Event(50, "red"),
    )
    assert [(row["colour"], row["floors"], row["_sequence_micros"], row["_export_id"]) for row in rows] == [
        (None, 1, 10, "e1"),
        ("red", 1, 30, "e1"),
        ("red", None, 40, "e1"),
    ]


def test_a_state_that_comes_back_later_is_a_new_version() -> None:
    """Rule H1: only consecutive equal states merge."""
    rows = history(Event(10, "red"), Event(20, "blue"), Event(30, "red"))
    assert [row["colour"] for row in rows] == ["red", "blue", "red"]


def test_the_earliest_delete_ends_a_version_and_a_return_begins_another() -> None:
    """Rule H1: equal states with a delete between stay two versions; deletes of what is gone say nothing."""
    rows = history(
        Event(5, delete=True),
        Event(10, "red"),
        Event(20, delete=True),
        Event(25, delete=True, incremental=False),
        Event(30, "red"),
    )
    assert figures(rows) == [
        ("red", moment(10), moment(20), False, True, "e1"),
        ("red", moment(30), None, True, False, "e1"),
    ]


def test_an_event_that_arrives_late_parts_equal_states() -> None:
    """Rules H1 and K4: red at 10 and 30 was one version; blue at 20 makes three."""
    known = (Event(30, "red", export="e2"), Event(10, "red"))
    assert [row["_sequence_micros"] for row in history(*known)] == [10]
    parted = history(*known, Event(20, "blue", export="e3"))
    assert [(row["colour"], row["_sequence_micros"], row["_export_id"]) for row in parted] == [
        ("red", 10, "e1"),
        ("blue", 20, "e3"),
        ("red", 30, "e2"),
    ]


def test_a_key_that_is_gone_has_no_current_version() -> None:
    """Rule H1."""
    assert figures(history(Event(10, "red"), Event(20, delete=True))) == [
        ("red", moment(10), moment(20), False, True, "e1")
    ]


def test_a_key_with_deletes_only_has_no_version() -> None:
    """Rule H1: versions come from upserts."""
    assert history(Event(10, delete=True)) == []


def test_at_an_equal_sequence_incremental_beats_full_then_the_lowest_export_counts() -> None:
    """Rule R3."""
    rows = history(
        Event(10, "red", incremental=False, export="e1"),
        Event(10, "blue", incremental=True, export="e3"),
        Event(10, "green", incremental=True, export="e2"),
        Event(20, delete=True, incremental=False, export="e1"),
        Event(20, "pink", incremental=False, export="e2"),
    )
    assert figures(rows) == [("green", moment(10), moment(20), False, True, "e2")]


def test_a_record_dates_what_a_full_export_may_have_read_after_it() -> None:
    """Rule H1's exception: a full export of 0 read the item up to 120 s later; the record says exactly when."""
    picture = Event(0, "red", incremental=False)
    within, after = Event(120 * SECOND, "red", export="e2"), Event(120 * SECOND + 1, "red", export="e2")
    assert figures(history(picture, within)) == [("red", moment(120 * SECOND), None, True, False, "e2")]
    assert figures(history(picture, after)) == [("red", moment(0), None, True, False, "e1")]
    assert figures(history(picture, within._replace(incremental=False)))[0][1] == moment(0)
    assert figures(history(picture, within._replace(floors=3)))[0][1] == moment(0)
    assert figures(history(picture, within._replace(street="b")))[0][1] == moment(0)


def test_a_state_that_was_told_before_keeps_its_beginning() -> None:
    """Rule H1's exception is for a state that nothing earlier tells; another one before it ends with the record."""
    picture, record = Event(0, "red", incremental=False, export="e2"), Event(SECOND, "red", export="e3")
    assert figures(history(Event(-9, "red"), picture, record)) == [("red", moment(-9), None, True, False, "e1")]
    assert figures(history(Event(-9, "blue"), picture, record)) == [
        ("blue", moment(-9), moment(SECOND), False, False, "e1"),
        ("red", moment(SECOND), None, True, False, "e3"),
    ]


def test_a_record_that_does_not_follow_it_dates_nothing() -> None:
    """Rule H1's exception is one to merging: with green between them the two reds are two versions."""
    picture, green = Event(0, "red", incremental=False), Event(SECOND, "green", export="e2")
    rows = history(picture, green, Event(2 * SECOND, "red", export="e3"))
    assert [(row["colour"], row["valid_from"]) for row in rows] == [
        ("red", moment(0)),
        ("green", moment(SECOND)),
        ("red", moment(2 * SECOND)),
    ]


def test_a_delete_within_the_minutes_of_a_full_export_that_lacks_the_key_ends_its_version() -> None:
    """Rule H1's exception: the full export lacks it as of 0, and the record says when it was deleted."""
    known, absent = Event(-9, "red"), Event(0, delete=True, incremental=False, export="e2")
    gone = Event(120 * SECOND, delete=True, export="e3")
    assert figures(history(known, absent, gone)) == [("red", moment(-9), moment(120 * SECOND), False, True, "e1")]
    later = gone._replace(at=gone.at + 1)
    assert figures(history(known, absent, later)) == [("red", moment(-9), moment(0), False, True, "e1")]
    back = Event(SECOND, "red", export="e3")
    assert [row["valid_to"] for row in history(known, absent, back)] == [moment(0), None]


def test_every_column_of_the_key_tells_keys_apart() -> None:
    """Rule H1: a history for each key, whatever the key's number of columns."""
    rows = history(
        Event(10, "red"),
        Event(20, "blue", street="b"),
        Event(30, "pink", city="Bonn"),
        Event(40, delete=True, city="Bonn"),
    )
    assert [(row["city"], row["street"], row["colour"], row["is_current"]) for row in rows] == [
        ("Bonn", "a", "pink", False),
        ("Rome", "a", "red", True),
        ("Rome", "b", "blue", True),
    ]


def beginning(run: list[Event]) -> Event:
    """Rule H1's exception: a record within 120 s after a full export's moment tells the same."""
    dated = [event for event in run if event.incremental and event.at <= run[0].at + 120 * SECOND]
    return dated[0] if dated else run[0]


def expected_history(events: list[Event]) -> list[dict[str, Any]]:
    """Rule H1 as a person would do it: one key after the other, one run of equal states after the other."""
    rows: list[dict[str, Any]] = []
    by_key = sorted(events, key=lambda e: (e.city, e.street))
    for (city, street), of_key in groupby(by_key, lambda e: (e.city, e.street)):
        ordered = sorted(of_key, key=lambda e: (e.at, not e.incremental, e.export))
        winners = [event for number, event in enumerate(ordered) if number == 0 or event.at != ordered[number - 1].at]
        runs = groupby(winners, lambda e: (e.colour, e.floors, e.delete))
        begun = [beginning(list(run)) for _, run in runs]
        for event, following in zip(begun, [*begun[1:], None], strict=True):
            if not event.delete:
                rows.append(
                    {
                        "city": city,
                        "street": street,
                        "colour": event.colour,
                        "floors": event.floors,
                        "valid_from": moment(event.at),
                        "valid_to": moment(following.at) if following else None,
                        "is_current": following is None,
                        "is_deleted": following is not None and following.delete,
                        "_sequence_micros": event.at,
                        "_export_id": event.export,
                    }
                )
    return rows


upserts = st.builds(
    Event,
    at=st.integers(1, 8).map(lambda step: step * 40 * SECOND),
    colour=st.sampled_from(["red", "blue", None]),
    floors=st.sampled_from([1, None]),
    incremental=st.booleans(),
    export=st.sampled_from(["e1", "e2", "e3"]),
    city=st.sampled_from(["Rome", "Bonn"]),
    street=st.sampled_from(["a", "b"]),
)
deletes = upserts.map(lambda event: event._replace(colour=None, floors=None, delete=True))
event_sets = st.lists(
    upserts | deletes, max_size=25, unique_by=lambda e: (e.city, e.street, e.at, e.incremental, e.export)
)


@examples(150)
@given(event_sets)
def test_any_set_of_events_gives_the_history_that_plain_python_finds(events: list[Event]) -> None:
    """Rule H1, and rule K4: hypothesis plants the events in any order."""
    assert history(*events) == expected_history(events)

"""A few blocks at a time, in their order; and generators side by side."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from threading import Event

import pytest

from medallion_assets.engines.blocks import in_turns, side_by_side


def test_items_are_taken_as_threads_get_free_and_answered_in_order() -> None:
    """The first two meet: they are worked on at the same time. One more is held, and no other."""
    meeting = threading.Barrier(2, timeout=30)
    taken: list[int] = []
    ahead: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number < 2:
            meeting.wait()
        return number * number

    for answer in in_turns(work, items(), at_once=2):
        ahead.append(len(taken))
        assert answer == (len(ahead) - 1) ** 2
    assert ahead == [3, 4, 5, 6, 7, 8, 9, 10, 10, 10]


def test_what_fails_ends_it() -> None:
    """What is worked on meanwhile is waited for; what waits behind it is not begun, and no more items are taken."""
    taken: list[int] = []
    begun: list[int] = []
    ended: list[int] = []
    is_asked_for = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            assert is_asked_for.wait(30)
            raise ValueError(number)
        assert is_asked_for.wait(30)
        ended.append(number)
        return number

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            if number == 2:
                is_asked_for.set()
            yield number

    with pytest.raises(ValueError, match="0"):
        list(in_turns(work, items(), at_once=2))
    assert taken == [0, 1, 2]
    assert set(begun) - {0} == set(ended) <= {1, 2}


def test_who_stops_early_ends_it() -> None:
    """After closing nothing is worked on, or will be: what it works with may go."""
    begun: list[int] = []
    ended: list[int] = []
    are_two_at_work, may_end = threading.Barrier(3, timeout=30), threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number in {1, 2}:
            are_two_at_work.wait()
            assert may_end.wait(30)
        ended.append(number)
        return number

    answers = in_turns(work, range(10), at_once=2)
    assert next(answers) == 0
    are_two_at_work.wait()
    threading.Timer(0, may_end.set).start()
    answers.close()
    assert sorted(begun) == sorted(ended) == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("blocks")]


def test_one_at_a_time_is_worked_on_while_the_next_is_taken() -> None:
    """The second item waits for the first to be begun, which ends when the second is there."""
    begun, is_there = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        assert begun.wait(30)
        is_there.set()
        yield 1

    def work(number: int) -> int:
        begun.set()
        assert is_there.wait(30)
        return number

    assert list(in_turns(work, items(), at_once=1)) == [0, 1]


def test_nothing_gives_nothing() -> None:
    assert list(in_turns(str, iter(()))) == []


def numbers(of: str, until: int, closed: list[str] | None = None) -> Generator[str, None, None]:
    try:
        for number in range(until):
            yield f"{of}{number}"
    finally:
        if closed is not None:
            closed.append(of)


def test_generators_side_by_side_give_all_they_have_each_in_its_order() -> None:
    """However many each has; the two first items are made at the same time."""
    meeting = threading.Barrier(2, timeout=30)

    def met(of: str, until: int) -> Generator[str, None, None]:
        meeting.wait()
        yield from numbers(of, until)

    given = list(side_by_side([met("a", 5), met("b", 2)], Event()))
    assert [item for item in given if item[0] == "a"] == ["a0", "a1", "a2", "a3", "a4"]
    assert [item for item in given if item[0] == "b"] == ["b0", "b1"]
    assert len(given) == 7


def test_each_generator_is_one_item_ahead_at_most() -> None:
    """Whatever is made and not taken is held in memory."""
    made: list[int] = []

    def making() -> Generator[int, None, None]:
        for number in range(9):
            made.append(number)
            yield number

    for taken, _ in enumerate(side_by_side([making(), making()], Event()), start=1):
        assert len(made) <= taken + 2
    assert sorted(made) == sorted([*range(9), *range(9)])


@pytest.mark.parametrize("how", ["fails", "is closed"])
def test_at_the_end_of_one_the_others_end_where_they_wait(how: str) -> None:
    """Who waits for long looks at the event: nothing is waited for that nobody wants, and all are closed."""
    closed: list[str] = []
    is_over, is_waiting = Event(), Event()

    def waiting() -> Generator[str, None, None]:
        try:
            is_waiting.set()
            assert is_over.wait(30)
            yield "too late"
        finally:
            closed.append("waiting")

    def other() -> Generator[str, None, None]:
        assert is_waiting.wait(30)
        yield from numbers("a", 1, closed)
        if how == "fails":
            raise ValueError("a file is bad")
        yield from numbers("b", 1, closed)

    given = side_by_side([waiting(), other()], is_over)
    assert next(given) == "a0"
    if how == "fails":
        with pytest.raises(ValueError, match="a file is bad"):
            next(given)
    else:
        given.close()
    assert is_over.is_set()
    assert "waiting" in closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("side-by-side")]


def test_why_the_others_were_cancelled_is_told_and_not_that_they_were() -> None:
    """Whoever fails says so while it still lets go of what it holds: the others may be done by then."""
    is_over, is_cancelled = Event(), Event()

    def failing() -> Generator[int, None, None]:
        yield from ()
        is_over.set()
        assert is_cancelled.wait(30)
        raise ValueError("a file is bad")

    def cancelled() -> Generator[int, None, None]:
        yield from ()
        assert is_over.wait(30)
        is_cancelled.set()
        raise CancelledError

    with pytest.raises(ValueError, match="a file is bad"):
        list(side_by_side([failing(), cancelled()], is_over))

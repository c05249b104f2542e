"""A few blocks at a time, in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from medallion_assets.engines.blocks import in_turns


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

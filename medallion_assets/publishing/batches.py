"""Many things in groups that one request takes.

Belongs here: how a stream is cut by number and cost. Does not: what a request takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def grouped(
    things: Iterable[T], *, cost: Callable[[T], float], most_cost: float, most_things: int
) -> Iterator[list[T]]:
    """Lists of at most `most_things` that cost at most `most_cost` together, or one thing that costs more."""
    group: list[T] = []
    total = 0.0
    for thing in things:
        more = cost(thing)
        if group and (len(group) == most_things or total + more > most_cost):
            yield group
            group, total = [], 0.0
        group.append(thing)
        total += more
    if group:
        yield group

"""Doing the same thing to many items with a few threads, and stopping at the first failure.

Belongs here: the threads. Does not: what is done or how fast.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")

WORKERS = 8
"""Enough for 500 conditional writes a second at 15 ms each, and under the 10 connections that a boto3 client keeps."""


def for_each(items: Iterable[T], work: Callable[[T], object]) -> None:
    """Call `work` for every item; items are taken one by one, so a generator is never held whole.

    Raises:
        BaseException: the first that `work` or `items` raised; items that nobody had begun are left alone.
    """
    source = iter(items)
    taking = threading.Lock()
    stop = threading.Event()

    def take_turns() -> None:
        while not stop.is_set():
            with taking:
                turn = list(itertools.islice(source, 1))
            if not turn:
                return
            work(turn[0])

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="publish") as pool:
        turns = [pool.submit(take_turns) for _ in range(WORKERS)]
        try:
            for done in as_completed(turns):
                done.result()
        finally:
            stop.set()

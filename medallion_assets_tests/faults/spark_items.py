"""What items of Spark do here in the processes that work on them: they end, wait, or want too much.

Belongs here: functions of items. Does not: the drivers that hand these out (spark_driver.py).
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import polars as pl
import psutil

from medallion_assets.engines.aside import Aside

WAITING = "waiting-"
"""Before the process that is at work, in the name of a file."""
GO = "go"
"""The file that an item waits for, if there is to be one."""
LONGEST_SECONDS = 600
SLOW = 5
GIBIBYTE = 2**30


def kill_itself(_: object) -> None:
    """A Python process of an executor."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_java(_: object) -> None:
    """What the kernel does when memory runs out: to the driver's Java, or to that of an executor."""
    next(process for process in psutil.Process().parents() if process.name() == "java").kill()


def wait_to_be_ended(folder: str) -> None:
    """An item that takes long, or until it is to go on."""
    (Path(folder) / f"{WAITING}{os.getpid()}").touch()
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until and not (Path(folder) / GO).exists():
        time.sleep(0.1)


def loses_its_executor_once(aside: Aside) -> pl.LazyFrame:
    """Java of its executor is killed when the first attempt has written."""
    rows = aside(pl.DataFrame({"a": range(3)}))
    if is_first(aside):
        kill_java(0)
        time.sleep(LONGEST_SECONDS)
    return rows


def is_slow_once(item: tuple[int, Aside]) -> pl.LazyFrame:
    """Of the last item, the first attempt writes and then hangs, as on a machine that is half dead."""
    number, aside = item
    rows = aside(pl.DataFrame({"a": [number]}))
    if number == SLOW and is_first(aside):
        time.sleep(LONGEST_SECONDS)
    return rows


def is_first(aside: Aside) -> bool:
    """Whether no other attempt has asked."""
    assert aside.place is not None
    try:
        Path(f"{aside.place.url}.first").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def hold_too_much(how: str) -> int:
    """More than a process of an executor may have."""
    if how == "polars":
        return pl.select(pl.int_range(GIBIBYTE, dtype=pl.Int64)).height
    return len(bytearray(8 * GIBIBYTE))

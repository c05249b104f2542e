"""A publisher in a process of its own that writes until it is ended, and writes down what it was granted and consumed.

Belongs here: the process, and what several of them were granted, and consumed, together.
Does not: limits (test_budget_of_processes.py, benchmarks/publish.py).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from medallion_assets.publishing.attributes import to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.budget.write_shares import WriteShares
from medallion_assets_tests.services.dynamodb_local import connect

Grant = tuple[float, float]
"""A moment of the machine's monotonic clock, which all its processes have in common, and write capacity units."""
_GRANTED = threading.local()
"""`at` is when the request that a thread makes was granted."""


class WrittenDown(CapacityLimiter):
    """A limiter whose grants stand in a file before anything is sent."""

    def __init__(self, wcu: float, shares: WriteShares, log: TextIO) -> None:
        super().__init__(wcu, shares=shares)
        self._log = log

    def acquire(self, wcu: float) -> None:
        super().acquire(wcu)
        _GRANTED.at = time.monotonic()
        write_down(self._log, _GRANTED.at, wcu)


def meter(client: Any, log: TextIO) -> None:
    """Have a file say what DynamoDB charges for batches of a client, each as of its grant: threads may be late."""

    def answered(*, parsed: dict[str, Any], **_: Any) -> None:
        for charged in parsed.get("ConsumedCapacity", ()):
            write_down(log, _GRANTED.at, charged["CapacityUnits"])

    client.meta.events.register("after-call.dynamodb.BatchWriteItem", answered)


def write_down(log: TextIO, moment: float, wcu: float) -> None:
    """A line of its own, whichever thread writes it."""
    log.write(f"{moment} {wcu}\n")
    log.flush()


def consumed_log(log: Path) -> Path:
    """Where a publisher writes down what it consumed, beside the `log` of what it was granted."""
    return log.with_suffix(".consumed")


@contextmanager
def publisher(
    endpoint: str, table: str, log: Path, *, total: float, wanted: float
) -> Iterator[subprocess.Popen[bytes]]:
    """A publisher of `wanted` of `total` that writes to a table while the block runs, and is killed then."""
    command = [sys.executable, "-m", __name__, endpoint, table, str(log), str(total), str(wanted)]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def grants(logs: Iterable[Path]) -> list[Grant]:
    """What stands in some logs, in the order of time; a line that was cut by a kill is left out."""
    lines = [line.split() for log in logs if log.exists() for line in log.read_text().splitlines(keepends=True)[:-1]]
    return sorted((float(moment), float(wcu)) for moment, wcu in lines)


def over_budget(found: list[Grant], total: float) -> list[str]:
    """The periods in which more was taken than flowed in, with one second's savings and the request that began it."""
    held, last, over = total, found[0][0] if found else 0.0, []
    largest = max((wcu for _, wcu in found), default=0.0)
    for moment, wcu in found:
        held = min(total, held + (moment - last) * total) - wcu
        last = moment
        if held < -2 * largest:
            over.append(f"{-held:.0f} units too many by {moment:.3f}")
    return over


def main(endpoint: str, table: str, log: str, total: str, wanted: str) -> None:
    """Write items of a kilobyte until this process is ended."""
    client = connect(endpoint)
    shares = WriteShares(client, total_wcu=float(total), wanted_wcu=float(wanted), creates=True)
    with Path(log).open("a") as lines, consumed_log(Path(log)).open("a") as charged:
        meter(client, charged)
        target = BudgetedTable(client, table, WrittenDown(float(wanted), shares, lines))
        rows = (to_item({"metric_date": log, "row_key": str(number % 500)}) for number in count())
        target.put_all(rows, lambda _: None)


if __name__ == "__main__":
    main(*sys.argv[1:])

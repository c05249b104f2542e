"""What Polars has freed is given back to the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FREED_BYTES = 8 * 50_000_000
PROGRAM = f"""
import medallion_assets
import polars as pl, psutil, sys, time
process, before = psutil.Process(), psutil.Process().memory_info().rss
parts = [pl.int_range(1_000_000, eager=True) * 3 for _ in range(50)]
assert process.memory_info().rss > before + {FREED_BYTES} * 0.9
del parts
deadline = time.monotonic() + float(sys.argv[1])
while (left := process.memory_info().rss - before) > {FREED_BYTES} / 4:
    assert time.monotonic() < deadline, left
    time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("said", "seconds"), [(None, 60), ("muzzy_decay_ms:-1", 2)], ids=["unless told otherwise", "told otherwise"]
)
def test_freed_memory_is_given_back(said: str | None, seconds: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    if said is not None:
        environment["_RJEM_MALLOC_CONF"] = said
    command = [sys.executable, "-c", PROGRAM, str(seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (said is None), done.stderr
    assert said is None or "assert time.monotonic() < deadline" in done.stderr or "AssertionError: " in done.stderr

"""A process whose memory runs out anywhere between export and Gold: the next run makes it good (B5, C5, C6).

Polars aborts its process (SIGABRT) when an allocation is refused, and a memory cgroup kills it (SIGKILL); either way
nobody is left to clean up. With too little for a thread's stack the native libraries may also wait for ever for a
thread that never began: then it is killed here, as it is by its time limit in production.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.refining.loading.load import ingest
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.services.processes import REPOSITORY

MEGABYTES = (150, 400, 500)
"""What each process may have more than at its start: too little for all of them, and each gets further."""
HANGS_SECONDS = 30.0
ENDS = {-signal.SIGABRT, -signal.SIGKILL, 0, 1}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to RLIMIT_AS")
@pytest.mark.slow
def test_processes_that_run_out_of_memory_are_made_good_by_the_next(tmp_path: Path) -> None:
    """One lakehouse: each process gets further by what those before it committed."""
    raw = tmp_path / "raw"
    write_demo_history(str(raw), **(STORY | {"transactions": 20_000, "customers": 1_000}))
    ends = [end_of_a_process(tmp_path / "starved", raw, megabytes) for megabytes in MEGABYTES]
    assert set(ends) <= ENDS
    assert ends.count(0) < len(ends), "nobody ran out of memory"
    starved, undisturbed = pipeline.lakehouse_at(tmp_path / "starved"), pipeline.lakehouse_at(tmp_path / "undisturbed")
    assert verify(starved).findings == [], "nothing is half committed"
    everything(starved, raw)
    everything(undisturbed, raw)
    assert_same(dump(starved), dump(undisturbed))
    check_ledger(starved)


def end_of_a_process(lakehouse: Path, raw: Path, megabytes: int) -> int:
    """The exit code of a process that runs everything with so much memory more than it starts with."""
    command = [sys.executable, "-m", __name__, str(lakehouse), str(raw), str(megabytes)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        try:
            return process.wait(HANGS_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def everything(lakehouse: Lakehouse, raw: Path) -> None:
    """Ingest, refine, enrich, Gold."""
    for table in pipeline.SILVER:
        ingest(lakehouse, str(raw), pipeline.declared(table), now=pipeline.NOW)
    pipeline.run_silver(lakehouse)
    days = lakehouse.open(pipeline.ENRICHED_TRANSACTIONS).days
    pipeline.run_gold(lakehouse, [max(days)])


def starve(megabytes: int) -> None:
    """Leave this process so much address space more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    pl.LazyFrame({"a": [1]}).collect(engine="streaming")  # its threads have their stacks
    starve(int(sys.argv[3]))
    everything(Lakehouse(url=sys.argv[1]), Path(sys.argv[2]))

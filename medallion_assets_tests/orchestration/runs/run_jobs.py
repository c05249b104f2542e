"""Jobs whose runs wait, for the tests of who starts, watches and ends their processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl

from medallion_assets.contracts.policies import Limits
from medallion_assets.orchestration.runs.launcher import carried_out_here
from medallion_assets.orchestration.runs.stage_limits import EXIT_CODE, StageLimit
from medallion_assets.orchestration.runs.step_processes import step_processes

POLL_SECONDS = 0.05


@dg.op(config_schema={"folder": str})
def waits(context: dg.OpExecutionContext) -> None:
    """Start a child, say so in `at-work`, and wait for `go` in the same folder; fail where there is a `fail`."""
    folder = Path(context.op_config["folder"])
    child = subprocess.Popen(["sleep", "600"])
    (folder / "child").write_text(str(child.pid))
    with (folder / "at-work").open("a") as file:
        file.write(f"{context.run_id}\n")
    while not (folder / "go").exists():
        time.sleep(POLL_SECONDS)
    child.kill()
    child.wait()
    if (folder / "fail").exists():
        raise dg.Failure("as it was told to")


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    """One step that waits."""
    waits()


@dg.op(config_schema={"folder": str})
def tells(context: dg.OpExecutionContext) -> None:
    """Write what its process is like into `process`, in the folder."""
    opened = [path for path in Path("/proc/self/fd").iterdir() if path.exists()]
    files = {int(path.name): str(path.readlink()) for path in opened}
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "leads its session": os.getsid(0) == os.getpgid(0) == os.getpid(),
        "output": [files.get(number) for number in range(3)],
        "status": {name: status[name].strip() for name in ("Umask", "SigBlk", "SigIgn", "SigCgt")},
        "arguments": sys.argv[1:],
        "files": sorted(Path(file).name for number, file in files.items() if number > 2),
        "inheritable": [files[number] for number in files if number > 2 and os.get_inheritable(number)],
    }
    print("printed by the run")  # noqa: T201 - it is looked for
    (Path(context.op_config["folder"]) / "process").write_text(json.dumps(facts))


@dg.job(executor_def=dg.in_process_executor)
def telling() -> None:
    """One step that tells what its process is like."""
    tells()


@dg.op(config_schema={"folder": str})
def spills(context: dg.OpExecutionContext) -> None:
    """Sort more than memory may hold, write where Polars has put it into `spilled`, and wait for `go`."""
    folder = Path(context.op_config["folder"])
    rows = pl.LazyFrame().select(a=pl.int_range(5_000_000)).with_columns(b=pl.col("a").hash(), c=pl.col("a").cast(str))
    rows.sort("b").sink_parquet(folder / "sorted.parquet", engine="streaming")
    (folder / "spilled").write_text("\n".join(map(str, Path(os.environ["POLARS_OOC_SPILL_DIR"]).glob("*/*"))))
    while not (folder / "go").exists():
        time.sleep(POLL_SECONDS)


@dg.job(executor_def=dg.in_process_executor)
def spilling() -> None:
    """One step that needs a disk."""
    spills()


@dg.resource
@contextmanager
def here(context: dg.InitResourceContext) -> Iterator[None]:
    """What every resource of ours does first."""
    with carried_out_here(context):
        yield


@dg.op(config_schema={"folder": str}, required_resource_keys={"here"})
def waits_beside(context: dg.OpExecutionContext) -> None:
    """Name this process in a file called like the step, and wait for `go` in the same folder."""
    folder = Path(context.op_config["folder"])
    (folder / f"{context.op_handle.name}.{context.retry_number}").write_text(str(os.getpid()))
    while not (folder / "go").exists():
        time.sleep(POLL_SECONDS)


@dg.resource(config_schema={"folder": str})
def breaks(context: dg.InitResourceContext) -> None:
    """What cannot be made once: a database that did not answer."""
    folder = Path(context.resource_config["folder"])
    with (folder / "asked").open("a") as file:
        file.write("asked\n")
    raise ValueError("no answer")


@dg.op(required_resource_keys={"breaks"})
def with_what_breaks() -> None:
    """Never begins."""


@dg.op(config_schema={"folder": str, "again": bool}, pool="hangs")
def hangs(context: dg.OpExecutionContext) -> None:
    """A stage that may take a second and has a child, in a call of a library that takes days and hears of no signal."""
    child = subprocess.Popen(["sleep", "600"])
    (Path(context.op_config["folder"]) / "child").write_text(str(child.pid))
    limits = Limits(time_limit_seconds=1, retry_on_timeout=context.op_config["again"])
    with StageLimit(context, "silver.things", limits, grace_seconds=0.5) as limit, limit.heard():
        rows = pl.LazyFrame().select(a=pl.int_range(10**6))
        rows.join(rows, how="cross").select((pl.col("a") * pl.col("a_right")).sum()).collect(engine="streaming")


@dg.job(executor_def=dg.in_process_executor)
def hanging() -> None:
    """One step that does not end."""
    hangs()


LIMITS = Limits(retries=1, first_retry_seconds=0)


@dg.job(
    executor_def=step_processes(2, {"left": LIMITS, "right": LIMITS}, retry_seconds=0),
    resource_defs={"here": here},
)
def side_by_side() -> None:
    """Two steps that wait, at the same time."""
    waits_beside.alias("left")()
    waits_beside.alias("right")()


@dg.job(executor_def=step_processes(2, {"with_what_breaks": LIMITS}, retry_seconds=0), resource_defs={"breaks": breaks})
def breaking() -> None:
    """A step whose resource cannot be made."""
    with_what_breaks()


@dg.op
def crashes_once(context: dg.OpExecutionContext) -> None:
    """Its process is gone, the first time."""
    if not context.retry_number:
        os.kill(os.getpid(), signal.SIGKILL)


@dg.job(executor_def=step_processes(2, {"crashes_once": Limits(retries=1)}, retry_seconds=0))
def crashing() -> None:
    """A step that is tried again, and whose limits do not say after how long."""
    crashes_once()


LATE = Limits(retries=1, first_retry_seconds=0, time_limit_seconds=60)


@dg.op
def outlives_its_limit() -> None:
    """Its process is ended as its time limit ends one that hears of no signal."""
    os._exit(EXIT_CODE)


@dg.job(executor_def=step_processes(2, {"once": LATE, "twice": replace(LATE, retry_on_timeout=True)}, retry_seconds=0))
def late() -> None:
    """Two steps that are over their limits: one is tried again then."""
    outlives_its_limit.alias("once")()
    outlives_its_limit.alias("twice")()


@dg.repository
def repository() -> list[dg.JobDefinition]:
    """What a code server loads."""
    return [waiting, telling, spilling, side_by_side, breaking]

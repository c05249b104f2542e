"""A job whose runs wait, for the tests of who starts, watches and ends their processes."""

import subprocess
import time
from pathlib import Path

import dagster as dg

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


@dg.repository
def repository() -> list[dg.JobDefinition]:
    """What a code server loads."""
    return [waiting]

"""Private parts of Dagster: those for which it has no public way, by module. The list may only become shorter."""

from __future__ import annotations

import re

from medallion_assets_tests.services.processes import REPOSITORY

PRIVATE = re.compile(r"^ *(?:from|import) (dagster(?:_shared)?\.\S+)", re.MULTILINE)
FOLDERS = ("medallion_assets", "deploy", "examples", "benchmarks")
ALLOWED = {
    "deploy/health.py": {
        "dagster._core.remote_origin",  # what the code server has loaded
        "dagster._core.scheduler.instigation",  # how a sensor's last look ended
        "dagster._daemon.controller",  # which loops of the daemon live
    },
    "deploy/watched.py": {
        "dagster._daemon.controller",
        "dagster._grpc.__generated__.dagster_api_pb2",  # whether the code server answers in time
        "dagster._grpc.__generated__.dagster_api_pb2_grpc",
    },
    "medallion_assets/orchestration/daemon.py": {  # the daemon, with another pause between two rounds of its sensors
        "dagster._core.workspace.context",
        "dagster._core.workspace.load_target",
        "dagster._daemon.controller",
        "dagster._daemon.daemon",
        "dagster._utils.interrupts",
    },
    "medallion_assets/orchestration/runs/engine_notes.py": {"dagster._core.events"},  # the metadata of an event
    "medallion_assets/orchestration/runs/launcher.py": {
        "dagster._core.launcher",  # what a run launcher is handed, and gives back
        "dagster._core.remote_origin",
    },
    "medallion_assets/orchestration/runs/planned_code.py": {
        "dagster._core.definitions.definitions_load_context"
    },  # what plans keep
    "medallion_assets/orchestration/runs/restart.py": {
        "dagster._core.events",
        "dagster._core.remote_origin",
        "dagster._core.storage.tags",
        "dagster._core.workspace.context",
        "dagster._core.workspace.load_target",
        "dagster._daemon.auto_run_reexecution.auto_run_reexecution",  # a run that is retried as the daemon does it
    },
    "medallion_assets/orchestration/runs/step_processes.py": {  # an executor, and what a step's lost process means
        "dagster._core.definitions.executor_definition",
        "dagster._core.execution.context.system",
        "dagster._core.execution.plan.objects",
        "dagster._core.execution.plan.plan",
        "dagster._core.execution.plan.state",
        "dagster._core.execution.retries",
        "dagster._core.executor.child_process_executor",
        "dagster._core.executor.multiprocess",
        "dagster_shared.error",
    },
    "medallion_assets/orchestration/runs/whereabouts.py": {"dagster._core.storage.tags"},
    "medallion_assets/orchestration/runs/worker.py": {"dagster._grpc.types"},  # what `dagster api execute_run` reads
    "medallion_assets/orchestration/ui_instance.py": {
        "dagster._core.instance.ref",  # an instance with another run coordinator than its dagster.yaml says
        "dagster._serdes",
    },
    "medallion_assets/orchestration/wakes/waker.py": {
        "dagster._core.scheduler.instigation"
    },  # when a sensor looked, as it is stored
}


def test_no_other_private_part_of_dagster_is_imported() -> None:
    found = {
        str(path.relative_to(REPOSITORY)): set(names)
        for folder in FOLDERS
        for path in (REPOSITORY / folder).rglob("*.py")
        if (names := PRIVATE.findall(path.read_text()))
    }
    assert found == ALLOWED

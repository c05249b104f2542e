"""Private parts of Dagster: those for which it has no public way, by module. The list may only become shorter."""

from __future__ import annotations

import re

from medallion_assets_tests.services.processes import REPOSITORY

PRIVATE = re.compile(r"^ *(?:from|import) (dagster(?:_shared)?\.\S+)", re.MULTILINE)
ALLOWED = {
    "orchestration/daemon.py": {  # Dagster's daemon, with another pause between two rounds of its sensors
        "dagster._core.workspace.context",
        "dagster._core.workspace.load_target",
        "dagster._daemon.controller",
        "dagster._daemon.daemon",
        "dagster._utils.interrupts",
    },
    "orchestration/runs/launcher.py": {
        "dagster._core.launcher",  # what a run launcher is handed, and gives back
        "dagster._core.remote_origin",
    },
    "orchestration/runs/planned_code.py": {"dagster._core.definitions.definitions_load_context"},  # what plans keep
    "orchestration/runs/restart.py": {
        "dagster._core.events",
        "dagster._core.remote_origin",
        "dagster._core.storage.tags",
        "dagster._core.workspace.context",
        "dagster._core.workspace.load_target",
        "dagster._daemon.auto_run_reexecution.auto_run_reexecution",  # a run that is retried as the daemon does it
    },
    "orchestration/runs/step_processes.py": {  # an executor, and what follows when the process of a step is gone
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
    "orchestration/runs/whereabouts.py": {
        "dagster._core.events",
        "dagster._core.storage.tags",
    },
    "orchestration/runs/worker.py": {"dagster._grpc.types"},  # what `dagster api execute_run` reads
    "orchestration/ui_instance.py": {
        "dagster._core.instance.ref",  # an instance with another run coordinator than its dagster.yaml says
        "dagster._serdes",
    },
    "orchestration/wakes/waker.py": {"dagster._core.scheduler.instigation"},  # when a sensor looked, as it is stored
}


def test_no_other_private_part_of_dagster_is_imported() -> None:
    package = REPOSITORY / "medallion_assets"
    found = {
        str(path.relative_to(package)): set(names)
        for path in package.rglob("*.py")
        if (names := PRIVATE.findall(path.read_text()))
    }
    assert found == ALLOWED

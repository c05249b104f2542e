"""The code of a process, and that of the process which planned a run: a run is carried out by the same code, or not.

Belongs here: naming the code, keeping its name in every plan, comparing.
Does not: what becomes of a run that is planned anew, forking from code that is still on disk (forks).

A plan says which steps there are, and for which tables; whoever carries it out has imported the definitions anew. The
name is taken of the files when the definitions are loaded. A file that was written since the process began may have
been imported before that or after: then nobody knows what the process has, and it is equal to nothing.

Dagster keeps with each plan what the code server that made it has noted (a worker would read it back while it loads the
definitions), whoever asked for the run. What an earlier release has planned has no such note, and is carried out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.deriving.dbt.specs import read_specs
from medallion_assets.errors import PermanentError
from medallion_assets.errors.service_hints import restart_of
from medallion_assets.orchestration.runs.processes import began_at
from medallion_assets.settings import Settings
from medallion_assets.settings.spark import PROJECT
from medallion_assets.storage.packages import digest, is_changed_since

CODE = "medallion_assets/code"
"""What the definitions, and each plan, note the name of the code under."""
IN_FLUX = " (its files were written while it was loaded)"
"""How the name of code ends that equals nothing."""


class OtherCodeError(PermanentError):
    """A run was planned by different code from what its process runs: nothing was done."""


def loaded_code(
    settings: Settings,
    catalog: Catalog,
    began: Callable[[], float | None] = began_at,
    clock: Callable[[], float] = time.time,
) -> str:
    """The name of the code that makes the definitions: this project's, and that of the pipelines with their dbt models.

    It is another one when a Python file of these packages changes, and the same when it is merely written again.
    """
    found = [_package(name, began, clock) for name in (PROJECT, *settings.spark.packages)]
    parts = [*(name for name, _ in found), *(read_specs(built.project).digest for built in catalog.dbt)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return name + IN_FLUX if any(is_in_flux for _, is_in_flux in found) else name


@cache
def _package(name: str, began: Callable[[], float | None], clock: Callable[[], float]) -> tuple[str, bool]:
    """The digest of a package, and whether it was written since the process began. A process imports it once."""
    at = began()
    return digest(name), at is not None and is_changed_since(name, at, clock())


def note_in_plans(code: str) -> None:
    """Have this process, if it is a code server that loads its definitions, keep the name of the code in its plans."""
    context = DefinitionsLoadContext.get() if DefinitionsLoadContext.is_set() else None
    if context is not None and context.load_type is DefinitionsLoadType.INITIALIZATION:
        context.add_to_pending_reconstruction_metadata(CODE, code)


def planned_by(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The name of the code that planned a run; None where nobody has noted it."""
    if not run.has_repository_load_data or run.execution_plan_snapshot_id is None:
        return None
    kept = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).repository_load_data
    noted = kept.reconstruction_metadata.get(CODE) if kept else None
    return None if noted is None else str(getattr(noted, "value", noted))


def served_code(workspace: Any, run: dg.DagsterRun) -> str | None:
    """The name of the code that the code server of a run has by now; None where it is not known."""
    location = run.remote_job_origin.location_name if run.remote_job_origin else None
    if workspace is None or location is None or not workspace.has_code_location(location):
        return None
    repositories = workspace.get_code_location(location).get_repositories().values()
    noted = [found for repository in repositories if (found := repository.repository_snap.metadata.get(CODE))]
    return str(noted[0].value) if noted else None


def expect_planned_by(code: str, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """See that the code of this process is the one that planned the run.

    Raises:
        OtherCodeError: it is not, or nobody knows.
    """
    planned = planned_by(instance, run)
    if planned is None or (planned == code and not code.endswith(IN_FLUX)):
        return
    raise OtherCodeError(
        "this run was planned by different code from what its process runs, so nothing was done",
        expected=f"the code server's, {planned}",
        found=code,
        do=f"let the code server load what is installed: {restart_of('code-server')}; in `dagster dev` "
        "Reload in the UI (Deployment), `medallion dev` reloads by itself. Then sensors request again what is missing; "
        "start again yourself what you had started",
    )

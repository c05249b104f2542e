"""dbt projects: calling dbt in this process, on a folder of SQL that stays as it is.

Belongs here: the one place that imports dbt, the profile of a run, and whether a parsed project is still of its files.
Does not: what is built from what, or what Dagster shows of a project.

dbt keeps what it works with in globals of the process, so one call goes on at a time. Everything that it writes goes
into the folder of the run. Parsing takes seconds: a project may have with it what was parsed of it
(`target/partial_parse.msgpack`), which counts if it is of the same files and the same dbt.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.deriving.dbt.specs import FILE, Specs, expect_models, read_specs
from medallion_assets.deriving.dbt.warehouses.in_duckdb import DATABASE, IN_DUCKDB
from medallion_assets.deriving.dbt.warehouses.warehouse import Warehouse
from medallion_assets.errors import PermanentError
from medallion_assets.settings.environment import hidden_variables

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

PROFILE = "medallion"
NO_FILES = "--no-write-json"
"""Option of a call of which nobody reads what dbt writes of the project: that took a tenth of a build."""
PARSED, PARSED_OF = "target/partial_parse.msgpack", "target/parsed_of.json"
NOT_READ = ("target", "logs", "dbt_packages", FILE)
"""Of a project's folder, what dbt makes, or we do; nor is anything hidden."""
Report = Callable[[str], object]

_LOCK = threading.RLock()


@dataclass(frozen=True, kw_only=True)
class Call:
    """dbt for one project in the folder of one run."""

    project: Path
    run: Path
    limits: DuckDBLimits = DUCKDB_LIMITS
    report: Report = lambda _: None
    warehouse: Warehouse = IN_DUCKDB

    @property
    def database(self) -> Path:
        """The DuckDB file of the run."""
        return self.run / DATABASE

    @property
    def manifest_json(self) -> Path:
        """What the last call wrote about the project."""
        return self.run / "target" / "manifest.json"

    def invoke(self, command: str, *options: str, manifest: Manifest | None = None) -> dbtRunnerResult:
        """Call dbt, and leave no connection behind.

        What is built, and how, is said here and by the project alone: dbt would take each of its options from a
        variable DBT_... as well (DBT_EMPTY=1 makes empty tables), so it sees none.

        Raises:
            PermanentError: dbt could not begin: the project is not right, and its message says where.
            BaseException: the process was interrupted meanwhile, which dbt turns into a result.
        """
        with _LOCK, hidden_variables("DBT_"):
            from dbt.cli.main import dbtRunner

            self.write_profile()
            options = (*options, "--profile", PROFILE)
            places = {"project-dir": self.project, "profiles-dir": self.run, "log-path": self.run / "logs"}
            options = (*options, *(text for name, place in places.items() for text in (f"--{name}", str(place))))
            quiet = ("--quiet", "--no-version-check", "--log-level", "none", "--log-format-file", "text")
            private = ("--no-send-anonymous-usage-stats",)
            with self.warehouse.connected():
                result = dbtRunner(manifest=manifest, callbacks=[self._tell]).invoke(
                    [*quiet, *private, command, *options, "--target-path", str(self.run / "target")]
                )
                if result.exception is not None and not isinstance(result.exception, Exception):
                    raise result.exception
        if result.exception is not None:
            raise PermanentError(
                f"dbt cannot {command} the project {self.project.name}",
                expected="a project that dbt reads",
                found=str(result.exception).strip(),
                do="correct the file that it names; `dbt parse` in the project's folder says the same",
            ) from result.exception
        return result

    def manifest(self) -> Manifest:
        """The parsed project: as it came with its files, else parsed now; `report` hears of that, and why.

        Raises:
            PermanentError: the project cannot be parsed.
        """
        from dbt.contracts.graph.manifest import Manifest

        with _LOCK:
            key = (str(self.project), project_digest(self.project), self.warehouse.adapter)
            if key not in _PARSED:
                shipped = self._shipped(key[1])
                _PARSED[key] = self._parse() if shipped is None else shipped
            manifest = Manifest.from_msgpack(_PARSED[key])
        for node in manifest.nodes.values():
            if hasattr(node, "root_path"):  # of a seed: where it was parsed
                node.root_path = str(self.project)
        self.warehouse.fit(manifest)
        return manifest

    def _parse(self) -> bytes:
        self.invoke("parse")
        return (self.run / PARSED).read_bytes()

    def _shipped(self, digest: str) -> bytes | None:
        if self.warehouse.adapter != IN_DUCKDB.adapter:
            self.report(f"{self.project.name} is not shipped parsed for Spark; it is parsed now")
            return None
        try:
            found = json.loads((self.project / PARSED_OF).read_text())
            parsed = (self.project / PARSED).read_bytes()
        except FileNotFoundError:
            found = None
        except (OSError, ValueError):  # somebody's half of a file: it is as good as another one
            found = {}
        if found is None:
            self.report(f"{self.project.name} is not shipped parsed; it is parsed now")
            return None
        if not found or found != parsed_of(digest, parsed):
            self.report(f"{self.project.name} has changed since it was parsed, or dbt has; it is parsed again")
            return None
        return parsed

    def write_profile(self) -> None:
        """Write the profile of every run, whatever name the project asks for."""
        output = self.warehouse.output(self.run, self.limits)
        profile = {PROFILE: {"target": "run", "outputs": {"run": output}}}
        (self.run / "profiles.yml").write_text(yaml.safe_dump(profile))

    def _tell(self, event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogSeedResult"):
            self.report(event.info.msg)


_PARSED: dict[tuple[str, str, str], bytes] = {}


def parsed_of(digest: str, parsed: bytes) -> dict[str, str]:
    """What has to be the same for a parsed project to count: its files, the dbt that parsed them, and what it wrote.

    Whoever calls dbt in the folder by hand overwrites what it wrote.
    """
    return {"files": digest, **dbt_versions(), "parsed": hashlib.sha256(parsed).hexdigest()}


def dbt_versions() -> dict[str, str]:
    """The dbt that is installed."""
    return {name: version(name) for name in ("dbt-core", "dbt-duckdb")}


def prepared_specs(models: DbtModels) -> Specs:
    """The specifications of a project, whose files are still those that they were read from.

    Raises:
        PermanentError: the project was not prepared, or not as it is now.
    """
    specs = read_specs(models.project)
    expect_models(specs, models)
    if specs.digest != project_digest(models.project):
        raise PermanentError(
            f"the dbt project {models.project.name} has changed since it was prepared",
            expected=f"the files that {FILE} was written for",
            found="others: a test or a model may be new, gone or changed",
            do="write its specifications again: `medallion dbt-prepare`",
        )
    return specs


def project_digest(project: Path) -> str:
    """Names the files of a project: another one when any of them changes.

    Raises:
        PermanentError: there is no project.
    """
    if not (project / "dbt_project.yml").is_file():
        raise PermanentError(
            "there is no dbt project",
            expected=f"a file dbt_project.yml in {project}",
            found="none",
            do="correct the project of DbtModels(...)",
        )
    digest = hashlib.sha256()
    for path in sorted(_files(project)):
        digest.update(f"{path.relative_to(project)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(project: Path) -> Iterator[Path]:
    for path in project.rglob("*"):
        parts = path.relative_to(project).parts
        if path.is_file() and parts[0] not in NOT_READ and not any(part.startswith(".") for part in parts):
            yield path


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold dbt for several calls that belong together."""
    with _LOCK:
        yield


def ship_parsed(call: Call) -> Sequence[Path]:
    """Put beside the project what was parsed of it, for whoever installs it; give the files.

    Raises:
        PermanentError: the project cannot be parsed.
    """
    call.manifest()
    digest = project_digest(call.project)
    (call.project / "target").mkdir(exist_ok=True)
    parsed, described = call.project / PARSED, call.project / PARSED_OF
    parsed.write_bytes(_PARSED[str(call.project), digest, call.warehouse.adapter])
    described.write_text(json.dumps(parsed_of(digest, parsed.read_bytes())))
    return parsed, described

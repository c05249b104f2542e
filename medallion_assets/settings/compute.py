"""Where stages run: `MEDALLION_COMPUTE`, checked.

Belongs here: the JSON's fields, the defaults of clusters, and which of them is a table's.
Does not: running anything (orchestration, compute).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from medallion_assets.errors import SettingsError
from medallion_assets.errors.pages import page
from medallion_assets.settings.values import not_allowed

NAME = "MEDALLION_COMPUTE"
Kind = Literal["local", "spark", "emr_serverless", "databricks", "command"]
EXAMPLE = '{"silver": "spark", "gold.customer_ltv": ["nice", "python", "-m", "medallion_assets.remote"]}'


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _in_order(workers: int | tuple[int, int]) -> int | tuple[int, int]:
    if not isinstance(workers, int) and workers[0] > workers[1]:
        raise ValueError(f"workers are from the fewest to the most, not {list(workers)}")
    return workers


Workers = Annotated[PositiveInt | tuple[PositiveInt, PositiveInt], AfterValidator(_in_order)]


class Shape(_Values):
    """A cluster's workers: so many, or from so many to so many as they are needed; on spot capacity or not.

    `spot` false: on demand alone. True: spot, and on demand where there is none; the driver is on demand always.
    """

    workers: Workers = Field(default=(2, 8))
    spot: bool = True

    @property
    def least(self) -> int:
        """The fewest workers."""
        return self.workers if isinstance(self.workers, int) else self.workers[0]

    @property
    def most(self) -> int:
        """The most workers."""
        return self.workers if isinstance(self.workers, int) else self.workers[1]


SHAPES = {
    "bronze": Shape(workers=3, spot=False),
    "silver": Shape(workers=(2, 8)),
    "gold": Shape(workers=(2, 8)),
    "serving": Shape(workers=5, spot=False),
}
"""On Spark, by layer, unless the setting says otherwise: what is loaded and published is not to wait for capacity."""
ALONE = 1
"""Workers on another engine, which works in the driver alone: the fewest that both services give."""


class EmrServerless(_Values):
    """An application of EMR Serverless, and what a job of it is given. `entry_point` is deploy/remote/entry.py in S3.

    `environment` goes to the driver and the executors; a secret stands there as a reference, `EMR.secret@<ARN>`, alone.
    """

    application_id: str = Field(pattern=r"^[0-9a-z]{1,64}$")
    execution_role_arn: str = Field(pattern=r"^arn:aws[a-zA-Z0-9-]*:iam::\d{12}:role/.+$")
    entry_point: str = Field(pattern=r"^(s3|local)://.+$|^local:/.+$")
    archives: str = ""
    log_uri: str | None = None
    worker_cores: int = 4
    worker_memory: str = "14g"
    worker_disk: str = "20g"
    spark_conf: dict[str, str] = Field(default={})
    environment: dict[str, str] = Field(default={})
    tags: dict[str, str] = Field(default={})


class Databricks(_Values):
    """A workspace's job clusters. `package` is the wheel, in a volume or the workspace; the runtime has Spark 4.

    `environment` goes to every node; a secret stands there as a reference, `{{secrets/<scope>/<key>}}`, alone.
    """

    package: str = Field(pattern=r"^(/Volumes/|/Workspace/|dbfs:/|s3://).+\.whl$")
    spark_version: str = "17.3.x-scala2.13"
    node_type_id: str = "m6gd.xlarge"
    instance_profile_arn: str | None = None
    policy_id: str | None = None
    spark_conf: dict[str, str] = Field(default={})
    environment: dict[str, str] = Field(default={})
    tags: dict[str, str] = Field(default={})


SERVICES: Mapping[str, type[EmrServerless | Databricks]] = {"emr_serverless": EmrServerless, "databricks": Databricks}


class Where(_Values):
    """Where one table's stage runs; `command` alone has one, `shape` is that of a service's cluster."""

    on: Kind = "local"
    command: tuple[str, ...] = ()
    workers: Workers | None = None
    spot: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        match value:
            case str():
                return {"on": value}
            case [_, *_]:
                return {"on": "command", "command": value}
        return value

    @model_validator(mode="after")
    def _fits(self) -> Where:
        if (self.on == "command") != bool(self.command):
            raise ValueError('a command is a list of strings, such as ["python", "-m", "medallion_assets.remote"]')
        if self.on not in SERVICES and (self.workers is not None or self.spot is not None):
            raise ValueError(f"workers and spot apply only to {' and '.join(SERVICES)}")
        return self

    def shape(self, layer: str, environment: Mapping[str, str]) -> Shape:
        """The workers of its cluster: as they are set, or as its layer needs them on its environment's engine."""
        usual = SHAPES.get(layer, Shape())
        spreads = environment.get("MEDALLION_ENGINE") == "spark"
        given = {"workers": self.workers or (None if spreads else ALONE), "spot": self.spot}
        return usual.model_copy(update={name: value for name, value in given.items() if value is not None})


class Compute(_Values):
    """The whole setting; `tables` is by `layer.table`, by layer, or `*`."""

    tables: dict[str, Where] = Field(default={})
    emr_serverless: EmrServerless | None = None
    databricks: Databricks | None = None
    poll_seconds: float = Field(default=10, gt=0)

    @model_validator(mode="after")
    def _services_are_set(self) -> Compute:
        for where in self.tables.values():
            if where.on in SERVICES and getattr(self, where.on) is None:
                needed = (name for name, field in SERVICES[where.on].model_fields.items() if field.is_required())
                raise ValueError(f'{where.on} is named, and there is no "{where.on}": {{...}} with {", ".join(needed)}')
        return self

    def of(self, table: str) -> Where:
        """Where the stage of a table runs: in Dagster's own process unless somebody has said otherwise."""
        layer = table.partition(".")[0]
        names = (name for name in (table, layer, "*") if name in self.tables)
        return self.tables[name] if (name := next(names, None)) else Where()

    def uses(self, service: str, layer: str = "") -> bool:
        """Whether a stage runs on a service; with a layer, whether one of its does."""
        of_layer = [layer, *(name for name in self.tables if name.startswith(f"{layer}."))]
        return any(self.of(name).on == service for name in (of_layer if layer else self.tables))


def read_compute(env: Mapping[str, str]) -> Compute:
    """The setting; tables and services stand beside each other in it.

    Raises:
        SettingsError: it is no such JSON; the message says where and why.
    """
    text = env.get(NAME) or "{}"
    try:
        said = json.loads(text)
        own = {name: said.pop(name) for name in (*SERVICES, "poll_seconds") if name in said}
        return Compute.model_validate({"tables": said, **own})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "tables")
        found = f"{place}: {first['msg']}" if place else first["msg"]
    except (ValueError, AttributeError, TypeError) as error:
        found = f"not a JSON object: {error}"
    raise SettingsError(
        f"{NAME} is not allowed",
        expected=f"a JSON object, such as {EXAMPLE}",
        found=found,
        do=f"correct it as {page('remote.md')} says, or unset it",
    )


def expect_startable(compute: Compute, *, lakehouse_url: str, databricks_host: str, databricks_token: str) -> None:
    """See that no job is started, and paid, whose own process could not work; and that Databricks can be asked.

    Raises:
        SettingsError: the environment of a service's jobs has another lakehouse, or none; or no exports for Bronze.
    """
    for name in SERVICES:
        if not compute.uses(name):
            continue
        given = getattr(compute, name).environment
        lakehouse = given.get("MEDALLION_LAKEHOUSE_URL", "")
        if lakehouse.rstrip("/") != lakehouse_url:
            raise _no_place(name, f"MEDALLION_LAKEHOUSE_URL {lakehouse_url}", lakehouse)
        if compute.uses(name, "bronze") and not given.get("MEDALLION_RAW_URL"):
            raise _no_place(name, "MEDALLION_RAW_URL, the place of the exports", "")
    said = {"DATABRICKS_HOST": databricks_host, "DATABRICKS_TOKEN": databricks_token}
    if compute.uses("databricks") and (missing := [name for name, value in said.items() if not value]):
        raise SettingsError(
            f"{NAME} names databricks, but its address and token are not set",
            expected="DATABRICKS_HOST (https://...) and DATABRICKS_TOKEN in the environment",
            found=f"no {' and no '.join(missing)}",
            do="set both; a token is of a service principal that may create clusters and submit runs",
        )


def _no_place(service: str, expected: str, found: str) -> SettingsError:
    return SettingsError(
        f"{NAME} would start jobs on {service} that cannot work",
        expected=f"{service}.environment with {expected}",
        found=repr(found) if found else "none",
        do=f"put it there: jobs do not receive Dagster's own settings ({page('remote.md')})",
    )


def read_databricks_host(env: Mapping[str, str]) -> str:
    """Where Databricks is, or empty. A token is sent there: over TLS, or to this machine.

    Raises:
        SettingsError: another address.
    """
    host = env.get("DATABRICKS_HOST", "").rstrip("/")
    if host and not re.fullmatch(r"https://[^/\s]+|http://127\.0\.0\.1(:\d+)?", host):
        raise not_allowed("DATABRICKS_HOST", "https://<workspace>, such as https://dbc-1234.cloud.databricks.com", host)
    return host

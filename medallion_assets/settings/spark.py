"""Settings of the Spark engine: where Spark is, and what a session of it is given.

Belongs here: these values, and reading them from an environment that is handed in.
Does not: starting a session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medallion_assets.errors import SettingsError
from medallion_assets.settings.values import AWS_KEYS, GREATEST_PORT, not_allowed

LOCAL = "local[*,4]"
"""All cores; four attempts of a task, as on a cluster: Spark has one there."""
SUBMITTED = ""
"""The master of whoever started this process: spark-submit, a job of EMR Serverless or of Databricks."""
JARS = Path(__file__).parents[2] / ".cache" / "spark-jars"
"""Where `make spark-jars` puts them: beside this package, from whatever folder a process is started."""
CLASSES = JARS.with_name("spark-classes.jsa")
"""Where `make spark-classes` puts the class archive."""
CONF = "MEDALLION_SPARK_CONF"
EMPTY: Mapping[str, str] = {}
SECRET = re.compile(r"secret|password|token|access\.key", re.IGNORECASE)
CONNECT_PORT, MASTER_PORT = 15002, 7077
REMOTE = re.compile(r"sc://[^/:;,@?#\s]+(:\d+)?(/.*)?")
KIND = re.compile(r"(local(\[.+\])?|local-cluster\[.+\]|yarn|(spark|k8s)://.+)?")
ADDRESS = re.compile(r"[a-z]+://[\w.-]+(:\d+)?")
MASTER = re.compile(r"(?!spark:).*|spark://[^/:,\s]+(:\d+)?(,[^/:,\s]+(:\d+)?)*")
PROJECT = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkSettings:
    """Where Spark is. `remote` is the URL of a Spark Connect server; without one a session is started at `master`.

    A remote may hold a token: it is handed to pyspark alone, and messages say `where`.

    - `conf` is added to Spark's configuration.
    - `python` is the interpreter of the executors; None: this one where they are processes of this machine, else
      `python3`.
    - `java_home` is JAVA_HOME.
    - `has_own_spark`: SPARK_HOME or SPARK_CONF_DIR names a Spark that may have more than ours.
    - `has_keys`: there may be keys of AWS in the environment.
    - `packages` are those of pipelines that are not this project's.
    - `classes` is where the class archive of local sessions is, if there is one.
    - `jars` is a folder of those that a session takes along to a lakehouse in S3; `lakehouse_url`, `s3_endpoint` and
      `s3_region` say where that is, None being AWS's own.
    """

    master: str = LOCAL
    remote: str | None = field(default=None, repr=False)
    conf: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    has_keys: bool = True
    packages: tuple[str, ...] = ()
    jars: Path = JARS
    classes: Path = CLASSES
    lakehouse_url: str = ""
    s3_endpoint: str | None = None
    s3_region: str | None = None
    java_home: str = ""
    has_own_spark: bool = False

    @property
    def is_local(self) -> bool:
        """Whether all of it are processes of this machine, which this one starts."""
        return self.remote is None and self.master.startswith("local")

    @property
    def where(self) -> str:
        """Where Spark is, as messages may say it: a remote without what follows its host and port."""
        return self.master if self.remote is None else _without_parameters(self.remote)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports, one of which has to answer: of a Connect server, or of masters that stand by for each other.

        None are known of other clusters. ValueError: a port is none.
        """
        scheme, _, rest = self.where.partition("://")
        if scheme not in ("sc", "spark"):
            return []
        usual = CONNECT_PORT if scheme == "sc" else MASTER_PORT
        return [_address(host, usual) for host in rest.split(",")]

    def __hash__(self) -> int:
        return hash((self.master, self.remote, tuple(sorted(self.conf.items())), self.python))


def spark_settings(
    env: Mapping[str, str],
    *,
    lakehouse_url: str = "",
    storage_options: Mapping[str, str] = EMPTY,
    pipelines: Sequence[str] = (),
) -> SparkSettings:
    """What the environment says of Spark, for a lakehouse and the pipelines of it (`module:NAME`).

    Raises:
        SettingsError: a value is not allowed; among them secrets, which Spark shows in its UI and logs.
    """
    name = "MEDALLION_SPARK_REMOTE"
    remote = env.get(name) or None
    if remote is not None and not _is_right(SparkSettings(remote=remote), REMOTE, remote):
        found = remote if ADDRESS.fullmatch(remote) else "another text, which is not shown: it may contain a token"
        raise not_allowed(name, "the URL of a Spark Connect server such as sc://spark.example.com:15002", found)
    master = env.get("MEDALLION_SPARK_MASTER") or (SUBMITTED if "PYSPARK_GATEWAY_PORT" in env else LOCAL)
    if not KIND.fullmatch(master) or not _is_right(SparkSettings(master=master), MASTER, master):
        expected = "local[*], spark://host:7077 (or spark://one:7077,another:7077), yarn or k8s://https://host:443"
        raise not_allowed("MEDALLION_SPARK_MASTER", expected, master)
    conf = _conf(env)
    shown = sorted(key for key in conf if SECRET.search(key))
    if shown:
        raise SettingsError(
            f"{CONF} contains what looks like a secret",
            expected="no secret: Spark shows its configuration in its UI and writes it into logs",
            found=", ".join(shown),
            do="give the executors a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in their own environment",
        )
    return SparkSettings(
        master=master,
        remote=remote,
        conf=conf,
        python=env.get("MEDALLION_SPARK_PYTHON") or None,
        packages=tuple(sorted({re.split(r"[.:]", name)[0] for name in pipelines} - {PROJECT})),
        has_keys=any(env.get(key) for key in AWS_KEYS),
        jars=Path(env.get("MEDALLION_SPARK_JARS") or JARS).expanduser().absolute(),
        lakehouse_url=lakehouse_url,
        s3_endpoint=storage_options.get("AWS_ENDPOINT_URL"),
        s3_region=storage_options.get("AWS_REGION"),
        java_home=env.get("JAVA_HOME", ""),
        has_own_spark=bool(env.get("SPARK_HOME") or env.get("SPARK_CONF_DIR")),
    )


def _conf(env: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings; a number, true and false are the texts that Spark reads."""
    try:
        said: Any = json.loads(env.get(CONF) or "{}")
    except ValueError as error:
        said, found = None, f"not JSON: {error}"
    else:
        found = f"not an object, but {type(said).__name__}"
    if isinstance(said, dict):
        wrong = [name for name, value in said.items() if not isinstance(value, str | int | float)]
        if not wrong:
            return {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
        found = f"something else for {', '.join(wrong)}"
    example = '{"spark.executor.memory": "2g"}'
    raise not_allowed(CONF, f"a JSON object of strings, numbers, true and false, such as {example}", found)


def _is_right(settings: SparkSettings, form: re.Pattern[str], url: str) -> bool:
    return form.fullmatch(url) is not None and all(0 < port <= GREATEST_PORT for _, port in settings.addresses)


def _address(text: str, usual: int) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port or usual)


def _without_parameters(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split(r'[/;?#]', rest, maxsplit=1)[0]}"

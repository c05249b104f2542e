"""Settings: the only reader of the environment.

Belongs here: every `MEDALLION_*` variable, its default, and the error for a value that is not allowed.
Does not: AWS settings of our own. The standard AWS variables hold, read here with the rest and handed down to every
client of S3. Credentials of a profile, a role or a container are no such variables: the clients find them by themselves
when they use them, so they may change while a process lives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from medallion_assets.errors import SettingsError
from medallion_assets.settings.alerts import read_alert_jobs, read_alert_urls, read_recipients
from medallion_assets.settings.closing import close_waits_until
from medallion_assets.settings.command_prefix import command_prefix
from medallion_assets.settings.compute import Compute, expect_startable, read_compute, read_databricks_host
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.looks import arrivals_seconds, net_seconds
from medallion_assets.settings.names import expect_known, expect_text
from medallion_assets.settings.places import EVENTS_QUEUE, expect_events_of, expect_place_of_its_own, usual_remote_url
from medallion_assets.settings.places import NAME as REMOTE_URL
from medallion_assets.settings.retries import FIRST_WAIT_SECONDS, REPETITIONS, STEP_RETRY_SECONDS
from medallion_assets.settings.schedules import read_schedules
from medallion_assets.settings.spark import SparkSettings, spark_settings
from medallion_assets.settings.user import user_header
from medallion_assets.settings.values import (
    AWS_KEYS,
    choice,
    memory,
    names_in,
    not_allowed,
    number,
    optional,
    parsed,
    positive,
    table_prefix,
    time_of_day,
)

ENGINES = ("polars", "spark")
DBT_DOCS_URL, PAGES_URL = "MEDALLION_DBT_DOCS_URL", "MEDALLION_PAGES_URL"
QUERY_ALERTS = "MEDALLION_QUERY_ALERTS"
PIPELINES = "medallion_assets.pipelines.transactions.pipeline:TRANSACTIONS"
AWS_VARIABLES = (
    *AWS_KEYS,
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
)
"""The standard variables that every client of S3 in this project is given."""
DAY = "a day as YYYY-MM-DD, such as 2025-01-01"
TIME_OF_DAY = "a time of day such as 06:00"
TIME_ZONE = "a time zone such as America/Los_Angeles or UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, validated; made once by `load_settings`, and handed down.

    `home` is an absolute path; `raw_url` and `lakehouse_url` are absolute paths without a scheme, or `s3://bucket/prefix`.
    `storage_options` are the AWS variables that are set (secrets), as deltalake, Polars and obstore take them.
    `engine` computes on the tables' files; `spark` says where Spark is, if it is that. `pipelines` are `module:NAME`.
    `uses_triggers`: sensors and schedules are on without being switched on by hand, once a daemon runs.
    `stops_for_stale_sources` is false when a run goes on, with a warning, although its source is stale (rule F8).
    `uses_timers` is false when every declared timer counts as 0. `schedules` are cron lines by job.
    `closes_missed_days`: days that nobody closed while the daemon was down are closed, or else skipped.
    `daily_done_by` is a time of day in the business time zone, and `close_waits_until` until when the close of a day
    waits for it to be complete; None: it does not. `creates_tables`: DynamoDB tables that are missing are made.
    `serving_prefix`: what the names of serving tables begin with. `publish_samples` names serving tables, or the
    lakehouse, for which sample data may be published to a DynamoDB that is not on this machine. `total_wcu` is what all
    publishers of the AWS account may write a second; None: each its own. `repetitions` of what failed transiently begin
    after `first_wait_seconds`; the whole step is tried again after `step_retry_seconds`, which no variable sets.
    `duckdb_memory` (such as 1GB) and `duckdb_threads` are what a build of dbt models may use. `dbt_docs_url` is where
    somebody serves `dbt_docs` of the home, `pages_url` where `medallion pages` is; or empty. `alert_urls` holds Apprise
    URLs (secrets) for each kind of alert, `alert_recipients` those for a table or job, `alert_jobs` which runs of a job
    raise one (`every_run` or `failures`), `reports_recoveries` whether people hear that an alert is over. The file
    `query_alerts` declares queries which must find nothing. `command_prefix` is typed before a command on this host.
    `compute` says where the stage of each table runs, `remote_url` where its requests and messages lie.
    `databricks_token` is a secret. `events_queue` is the SQS queue that tells of new exports, or empty;
    `arrivals_seconds` pass at most between two looks, `net_seconds` between those of a sensor that is woken.
    `environment` is what all of this was read from: declarations name secrets in it.
    """

    home: Path
    raw_url: str
    events_queue: str
    arrivals_seconds: int
    net_seconds: int
    lakehouse_url: str
    storage_options: Mapping[str, str] = field(repr=False)
    engine: str
    spark: SparkSettings
    pipelines: tuple[str, ...]
    first_day: date
    uses_triggers: bool
    stops_for_stale_sources: bool
    uses_timers: bool
    schedules: Mapping[str, tuple[str, ...]]
    schedule_time_zone: str
    closes_missed_days: bool
    daily_done_by: time
    close_waits_until: time | None
    creates_tables: bool
    serving_prefix: str
    publish_samples: tuple[str, ...]
    total_wcu: float | None
    repetitions: int
    first_wait_seconds: float
    duckdb_memory: str
    duckdb_threads: int
    dbt_docs_url: str
    pages_url: str
    command_prefix: str
    alert_urls: Mapping[str, tuple[str, ...]] = field(repr=False)
    alert_recipients: Mapping[str, tuple[str, ...]] = field(repr=False)
    alert_jobs: Mapping[str, str]
    reports_recoveries: bool
    query_alerts: Path | None
    ui_url: str
    compute: Compute
    remote_url: str
    databricks_host: str
    databricks_token: str = field(repr=False)
    step_retry_seconds: float = STEP_RETRY_SECONDS
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def dagster_home(self) -> Path:
        """Where commands on one machine keep Dagster's runs, so that the UI shows them."""
        return self.home / "dagster_home"

    @property
    def aws_region(self) -> str | None:
        """The region, for boto3, which reads AWS_DEFAULT_REGION alone; None where none of the variables says it."""
        return self.storage_options.get("AWS_REGION")

    @property
    def places_outside_home(self) -> dict[str, str]:
        """Where exports and tables lie, by variable, as far as that is not in `home`."""
        places = {"MEDALLION_RAW_URL": self.raw_url, "MEDALLION_LAKEHOUSE_URL": self.lakehouse_url}
        return {name: url for name, url in places.items() if not url.startswith(f"{self.home}/")}

    def check_places_are_in_home(self, command: str, *, otherwise: str) -> None:
        """See that exports and tables lie in `home`: a shell may name others' places for quite another command.

        Raises:
            SettingsError: they lie elsewhere; the message names the option by which a person says that it is meant.
        """
        if outside := self.places_outside_home:
            raise SettingsError(
                f"{command} would work outside MEDALLION_HOME",
                expected=f"places in {self.home}",
                found=", ".join(f"{name} {url}" for name, url in outside.items()),
                do=f"unset {' and '.join(outside)}, or use {otherwise} if you mean them",
            )


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting.

    Raises:
        SettingsError: a value is not allowed; the message names the variable and what is allowed.
    """
    env = inherited_environment() if environment is None else environment
    expect_known(env)
    home = Path(env.get("MEDALLION_HOME") or ".medallion").expanduser().absolute()
    expect_text({**env, "MEDALLION_HOME": str(home)})
    lakehouse_url = _url(env, "MEDALLION_LAKEHOUSE_URL", home / "lakehouse")
    if set(lakehouse_url) & set("#?%"):
        raise SettingsError(
            "MEDALLION_LAKEHOUSE_URL names a place where delta-rs would not find the history of a table",
            expected="a path or URL without #, ? and %",
            found=repr(lakehouse_url),
            do="set MEDALLION_LAKEHOUSE_URL or MEDALLION_HOME to another place",
        )
    raw_url = _url(env, "MEDALLION_RAW_URL", home / "raw-dynamodb-exports")
    remote_url = normalise_url(env.get(REMOTE_URL) or usual_remote_url(lakehouse_url), name=REMOTE_URL)
    expect_place_of_its_own(remote_url, lakehouse_url=lakehouse_url, raw_url=raw_url, home=home)
    options, pipelines = storage_options(env), _pipelines(env)
    compute, host, token = read_compute(env), read_databricks_host(env), env.get("DATABRICKS_TOKEN", "")
    expect_startable(compute, lakehouse_url=lakehouse_url, databricks_host=host, databricks_token=token)
    forks_runs(env)  # a wrong value is refused here, not when the first run is launched
    user_header(env)  # likewise: the web server alone uses it
    return Settings(
        home=home,
        raw_url=raw_url,
        events_queue=expect_events_of(env.get(EVENTS_QUEUE, ""), raw_url),
        arrivals_seconds=arrivals_seconds(env),
        net_seconds=net_seconds(env),
        lakehouse_url=lakehouse_url,
        storage_options=options,
        engine=choice(env, "MEDALLION_ENGINE", ENGINES),
        spark=spark_settings(env, lakehouse_url=lakehouse_url, storage_options=options, pipelines=pipelines),
        pipelines=pipelines,
        first_day=parsed(env, "MEDALLION_FIRST_DAY", "2025-01-01", date.fromisoformat, DAY),
        uses_triggers=choice(env, "MEDALLION_TRIGGERS", ("off", "on")) == "on",
        stops_for_stale_sources=choice(env, "MEDALLION_STALE_SOURCES", ("stop", "warn")) == "stop",
        uses_timers=choice(env, "MEDALLION_TIMERS", ("contract", "none")) == "contract",
        schedules=read_schedules(env, asks_queries=bool(env.get(QUERY_ALERTS))),
        schedule_time_zone=parsed(
            env, "MEDALLION_TIME_ZONE", "America/Los_Angeles", lambda text: ZoneInfo(text).key, TIME_ZONE
        ),
        closes_missed_days=choice(env, "MEDALLION_MISSED_DAYS", ("close", "skip")) == "close",
        daily_done_by=parsed(env, "MEDALLION_DAILY_DONE_BY", "06:00", time_of_day, TIME_OF_DAY),
        close_waits_until=close_waits_until(env),
        creates_tables=choice(env, "MEDALLION_CREATE_TABLES", ("no", "yes")) == "yes",
        serving_prefix=table_prefix(env, "MEDALLION_SERVING_PREFIX"),
        publish_samples=names_in(env, "MEDALLION_PUBLISH_SAMPLES"),
        total_wcu=optional(env, "MEDALLION_TOTAL_WCU", positive, "write capacity units per second, more than 0"),
        repetitions=int(number(env, "MEDALLION_RETRIES", str(REPETITIONS))),
        first_wait_seconds=number(env, "MEDALLION_RETRY_SECONDS", str(FIRST_WAIT_SECONDS)),
        duckdb_memory=parsed(env, "MEDALLION_DBT_MEMORY", "1GB", memory, "an amount of memory such as 1GB or 512MB"),
        duckdb_threads=int(number(env, "MEDALLION_DBT_THREADS", "2")) or 1,
        dbt_docs_url=(env.get(DBT_DOCS_URL) or "").rstrip("/"),
        pages_url=(env.get(PAGES_URL) or "").rstrip("/"),
        command_prefix=command_prefix(env),
        alert_urls=read_alert_urls(env),
        alert_recipients=read_recipients(env),
        alert_jobs=read_alert_jobs(env),
        reports_recoveries=choice(env, "MEDALLION_ALERT_RECOVERIES", ("yes", "no")) == "yes",
        query_alerts=Path(env[QUERY_ALERTS]).expanduser().absolute() if env.get(QUERY_ALERTS) else None,
        ui_url=(env.get("MEDALLION_UI_URL") or "http://127.0.0.1:3000").rstrip("/"),
        compute=compute,
        remote_url=remote_url,
        databricks_host=host,
        databricks_token=token,
        environment=dict(env),
    )


def forks_runs(environment: Mapping[str, str]) -> bool:
    """Whether runs are forked from a process that has imported everything, where one is there."""
    return choice(environment, "MEDALLION_FORK_RUNS", ("yes", "no")) == "yes"


def normalise_url(value: str, *, name: str) -> str:
    """An absolute local path, or an `s3://` URL, without a trailing slash.

    Raises:
        SettingsError: another scheme, no bucket, or nothing at all; `name` is what the message calls the value.
    """
    parts = urlsplit(value)
    if parts.scheme == "s3" and parts.netloc:
        return value.rstrip("/")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return str(Path(unquote(parts.path)).absolute())
    if value and "://" not in value:
        return str(Path(value).expanduser().absolute())
    raise SettingsError(
        f"{name} is not a place this project can read and write",
        expected="a local path, file:///absolute/path or s3://bucket/prefix",
        found=repr(value),
        do=f"set {name} to one of these",
    )


def _url(env: Mapping[str, str], name: str, default: Path) -> str:
    return normalise_url(env.get(name) or str(default), name=name)


def storage_options(environment: Mapping[str, str]) -> dict[str, str]:
    """The endpoint of S3 alone comes before the general one, the region before its default."""
    options = {name: environment[name] for name in AWS_VARIABLES if environment.get(name)}
    endpoint = options.pop("AWS_ENDPOINT_URL_S3", None)
    if endpoint:
        options["AWS_ENDPOINT_URL"] = endpoint
    if "AWS_REGION" not in options and "AWS_DEFAULT_REGION" in options:
        options["AWS_REGION"] = options["AWS_DEFAULT_REGION"]
    options.pop("AWS_DEFAULT_REGION", None)
    return options


def _pipelines(env: Mapping[str, str]) -> tuple[str, ...]:
    name = "MEDALLION_PIPELINES"
    text = env.get(name) or PIPELINES
    names = tuple(text.replace(",", " ").split())
    if not names or any(not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", pipeline) for pipeline in names):
        raise not_allowed(name, "pipelines as module:NAME, separated by spaces or commas", text)
    return names

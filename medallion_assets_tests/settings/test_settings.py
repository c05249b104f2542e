"""Settings: defaults, and every wrong value refused with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.settings import AWS_VARIABLES, load_settings, normalise_url
from medallion_assets.settings.alerts import ALERT_KINDS
from medallion_assets_tests.services.processes import REPOSITORY

PLACES = {
    "MEDALLION_HOME": "/srv/home",
    "MEDALLION_LAKEHOUSE_URL": "s3://b/lake",
    "MEDALLION_RAW_URL": "s3://b/raw",
}


def test_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the working directory, and absolute from then on; an empty value counts as none."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / ".medallion"
    for environment in ({}, {"MEDALLION_HOME": "", "MEDALLION_ENGINE": "", "MEDALLION_FIRST_DAY": ""}):
        settings = load_settings(environment)
        assert settings.home == home
        assert settings.raw_url == str(home / "raw-dynamodb-exports")
        assert settings.lakehouse_url == str(home / "lakehouse")
        assert settings.first_day == date(2025, 1, 1)
        assert settings.dagster_home == home / "dagster_home"
        assert not settings.uses_triggers
        assert (settings.uses_timers, settings.closes_missed_days, settings.creates_tables) == (True, True, False)
        assert (settings.schedule_time_zone, settings.daily_done_by) == ("America/Los_Angeles", time(6))
        assert settings.schedules == {"daily_gold_and_publish": ("0 1 * * *",), "monitor": ("*/15 * * * *",)}
        assert (settings.repetitions, settings.first_wait_seconds) == (3, 30.0)
        assert settings.alert_jobs == {}
        assert (settings.serving_prefix, settings.publish_samples) == ("", ())


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_HOME", "/srv/medallion")
    monkeypatch.setenv("MEDALLION_RAW_URL", "s3://lake/raw/")
    monkeypatch.setenv("MEDALLION_FIRST_DAY", "2024-02-29")
    monkeypatch.setenv("MEDALLION_SERVING_PREFIX", "staging-2.")
    monkeypatch.setenv("MEDALLION_PUBLISH_SAMPLES", "daily_sales_metrics, lake-7")
    settings = load_settings()
    assert (settings.serving_prefix, settings.publish_samples) == ("staging-2.", ("daily_sales_metrics", "lake-7"))
    assert (settings.raw_url, settings.lakehouse_url) == ("s3://lake/raw", "/srv/medallion/lakehouse")
    assert settings.first_day == date(2024, 2, 29)


def test_a_queue_tells_of_exports_in_s3_alone() -> None:
    queue = "https://sqs.us-west-2.amazonaws.com/123456789012/exports"
    assert load_settings({**PLACES, "MEDALLION_EXPORT_EVENTS_QUEUE": queue}).events_queue == queue
    assert load_settings(PLACES).events_queue == ""
    with pytest.raises(SettingsError, match=r"is set, but a queue reports only exports in S3; .* found: /srv/home/raw"):
        load_settings({"MEDALLION_HOME": "/srv/home", "MEDALLION_EXPORT_EVENTS_QUEUE": queue})
    for wrong in ("exports", "arn:aws:sqs:us-west-2:123456789012:exports", "https://sqs.us-west-2.amazonaws.com"):
        with pytest.raises(
            SettingsError, match="MEDALLION_EXPORT_EVENTS_QUEUE is not a queue; expected: the URL of an SQS"
        ):
            load_settings({**PLACES, "MEDALLION_EXPORT_EVENTS_QUEUE": wrong})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("/data/lake/", "/data/lake"),
        ("file:///data/my%20lake", "/data/my lake"),
        ("file://localhost/data", "/data"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ],
)
def test_places_are_absolute_paths_or_s3(value: str, place: str) -> None:
    assert normalise_url(value, name="MEDALLION_RAW_URL") == place


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MEDALLION_ENGINE", "pandas", "one of polars, spark"),
        ("MEDALLION_SPARK_REMOTE", "spark://host", "sc://spark.example.com"),
        ("MEDALLION_SPARK_REMOTE", "sc://host:70000", "sc://spark.example.com"),
        ("MEDALLION_SPARK_MASTER", "spark://host:7o77", "spark://one:7077,another:7077"),
        ("MEDALLION_SPARK_MASTER", "spark://one:7077,another:", "spark://one:7077,another:7077"),
        ("MEDALLION_SPARK_MASTER", "lcoal[2]", "local[*], spark://host:7077"),
        ("MEDALLION_FIRST_DAY", "tomorrow", "YYYY-MM-DD"),
        ("MEDALLION_USER_HEADER", "X-Forwarded-Email: me", "the name of one header, such as X-Forwarded-Email"),
        ("MEDALLION_TOTAL_WCU", "0", "more than 0"),
        ("MEDALLION_FIRST_DAY", "2025-02-29", "YYYY-MM-DD"),
        ("MEDALLION_RAW_URL", "gs://bucket/raw", "s3://bucket/prefix"),
        ("MEDALLION_RAW_URL", "s3:///raw", "s3://bucket/prefix"),
        ("MEDALLION_LAKEHOUSE_URL", "file://elsewhere/lake", "file:///absolute/path"),
        ("MEDALLION_LAKEHOUSE_URL", "https://host/lake", "a local path"),
        ("MEDALLION_LAKEHOUSE_URL", "/srv/100%", "without #, ? and %"),
        ("MEDALLION_TIMERS", "0", "one of contract, none"),
        ("MEDALLION_SCHEDULES", "0 1 * * *", "a JSON object of job names"),
        ("MEDALLION_SCHEDULES", '["0 1 * * *"]', "a JSON object of job names"),
        ("MEDALLION_SCHEDULES", '{"refine": 5}', "a JSON object of job names"),
        ("MEDALLION_TIME_ZONE", "Los Angeles", "America/Los_Angeles or UTC"),
        ("MEDALLION_TIME_ZONE", "../../etc/passwd", "America/Los_Angeles or UTC"),
        ("MEDALLION_MISSED_DAYS", "ask", "one of close, skip"),
        ("MEDALLION_DAILY_DONE_BY", "six", "a time of day"),
        ("MEDALLION_DAILY_DONE_BY", "06:00+02:00", "a time of day"),
        ("MEDALLION_CREATE_TABLES", "perhaps", "one of no, yes"),
        ("MEDALLION_FORK_RUNS", "perhaps", "one of yes, no"),
        ("MEDALLION_SERVING_PREFIX", "our tables/", "such as staging_"),
        ("MEDALLION_SERVING_PREFIX", "x" * 201, "at most 200"),
        ("MEDALLION_PUBLISH_SAMPLES", "yes", "names of DynamoDB tables, or the id of a lakehouse"),
        ("MEDALLION_PUBLISH_SAMPLES", "sales, ALL", "names of DynamoDB tables"),
        ("MEDALLION_RETRIES", "many", "not negative"),
        ("MEDALLION_RETRY_SECONDS", "-1", "not negative"),
        ("MEDALLION_RETRY_SECONDS", "inf", "not negative"),
        ("MEDALLION_ALERT_JOBS", "ingest", "a JSON object of job names"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({name: value})
    assert name in str(refused.value)
    assert allowed in str(refused.value.expected)
    assert value in str(refused.value.found)
    assert name in str(refused.value.do) or "unset it" in str(refused.value.do)


@pytest.mark.parametrize(
    ("remote", "says"),
    [
        ("s3://b", "holds MEDALLION_LAKEHOUSE_URL (s3://b/lake)"),
        ("s3://b/lake/", "is MEDALLION_LAKEHOUSE_URL"),
        ("s3://b/lake/operations", "lies in MEDALLION_LAKEHOUSE_URL"),
        ("s3://b/raw", "is MEDALLION_RAW_URL"),
        ("s3://b//raw/remote", "lies in MEDALLION_RAW_URL"),
        ("/srv", "holds Dagster's home"),
        ("/srv/other/../home", "holds Dagster's home"),
        ("/srv/home/dagster_home/storage", "lies in Dagster's home"),
    ],
)
def test_what_remote_attempts_leave_has_a_place_of_its_own(remote: str, says: str) -> None:
    """Old attempts are removed there, at the side of whatever else it is."""
    with pytest.raises(SettingsError, match="MEDALLION_REMOTE_URL is not a place of its own") as raised:
        load_settings({**PLACES, "MEDALLION_REMOTE_URL": remote})
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "remote", ["s3://b/lake/operations/remote", "s3://b/lake/operations/remote/x", "s3://b/lake-remote", "/srv/home/x"]
)
def test_remote_attempts_may_be_beside_all_other_places(remote: str) -> None:
    assert load_settings({**PLACES, "MEDALLION_REMOTE_URL": remote}).remote_url == remote
    above = {"MEDALLION_RAW_URL": "s3://b", "MEDALLION_LAKEHOUSE_URL": "s3://b/lake"}
    assert load_settings(above).remote_url == "s3://b/lake/operations/remote"


def test_of_which_runs_people_are_told_is_one_of_two_choices() -> None:
    with pytest.raises(SettingsError, match="failures or every_run for each job"):
        load_settings({"MEDALLION_ALERT_JOBS": '{"ingest": "never"}'})


def test_schedules_name_jobs_and_replace_their_own() -> None:
    """One cron line or several; the nightly one stays unless its job is named."""
    several = load_settings({"MEDALLION_SCHEDULES": '{"refine": "0 */6 * * *", "ingest": ["5 * * * *", "0 4 * * 1"]}'})
    assert several.schedules == {
        "daily_gold_and_publish": ("0 1 * * *",),
        "monitor": ("*/15 * * * *",),
        "refine": ("0 */6 * * *",),
        "ingest": ("5 * * * *", "0 4 * * 1"),
    }
    without = load_settings({"MEDALLION_SCHEDULES": '{"daily_gold_and_publish": []}'})
    assert without.schedules["daily_gold_and_publish"] == ()


def test_each_kind_of_alert_has_urls_of_its_own() -> None:
    settings = load_settings({"MEDALLION_ALERTS_FAILURE": "mailto://a  json://b", "MEDALLION_ALERTS_SKIPPED": ""})
    assert settings.alert_urls == {**dict.fromkeys(ALERT_KINDS, ()), "failure": ("mailto://a", "json://b")}


def test_aws_variables_are_handed_on_as_they_stand() -> None:
    """Only those that are set; the endpoint of S3 alone comes before the general one, the region before its default."""

    def options(environment: dict[str, str]) -> Mapping[str, str]:
        return load_settings(environment).storage_options

    assert options({"PATH": "/bin", "AWS_REGION": ""}) == {}
    assert options(
        {
            "AWS_ENDPOINT_URL": "http://all",
            "AWS_ENDPOINT_URL_S3": "http://s3",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ALLOW_HTTP": "true",
        }
    ) == {"AWS_ENDPOINT_URL": "http://s3", "AWS_REGION": "eu-west-1", "AWS_ALLOW_HTTP": "true"}
    assert options({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "eu-west-1"}) == {"AWS_REGION": "us-east-1"}


def test_secrets_do_not_show_in_settings() -> None:
    """Credentials go from the environment to the clients; URLs of alerts hold passwords."""
    settings = load_settings({"AWS_SECRET_ACCESS_KEY": "hush", "MEDALLION_ALERTS_FAILURE": "slack://hush"})
    assert "hush" not in repr(settings)


def test_a_process_that_spark_started_has_the_master_of_what_started_it() -> None:
    """As in a job of EMR Serverless, unless a master is named."""
    submitted = {"PYSPARK_GATEWAY_PORT": "25333"}
    named = {"MEDALLION_SPARK_MASTER": "spark://host:7077"}
    masters = [load_settings(env).spark.master for env in ({}, submitted, submitted | named)]
    assert masters == ["local[*,4]", "", "spark://host:7077"]


def test_spark_is_given_no_secrets() -> None:
    """It shows its configuration to whoever sees its UI or its logs; the error does not repeat the value."""
    with pytest.raises(SettingsError, match=r"a secret.*found: spark\.hadoop\.fs\.s3a\.secret\.key;") as refused:
        load_settings({"MEDALLION_SPARK_CONF": '{"spark.hadoop.fs.s3a.secret.key": "hush"}'})
    assert "hush" not in str(refused.value)


def test_settings_of_spark_may_be_numbers_true_or_false() -> None:
    said = '{"spark.speculation": true, "spark.task.maxFailures": 8, "spark.memory.fraction": 0.5, "spark.a": "b"}'
    assert load_settings({"MEDALLION_SPARK_CONF": said}).spark.conf == {
        "spark.speculation": "true",
        "spark.task.maxFailures": "8",
        "spark.memory.fraction": "0.5",
        "spark.a": "b",
    }


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("{a", "not JSON: Expecting property name"),
        ('["x"]', "not an object, but list"),
        ('{"spark.a": ["x"], "spark.b": null, "spark.c": "d"}', "something else for spark.a, spark.b"),
    ],
)
def test_what_is_wrong_with_settings_of_spark_is_said(said: str, found: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"MEDALLION_SPARK_CONF": said})
    assert found in str(refused.value.found)
    assert "a JSON object of strings, numbers, true and false" in str(refused.value.expected)


def test_sparks_jars_are_looked_for_where_make_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may be given in any directory."""
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).spark.jars == REPOSITORY / ".cache" / "spark-jars"


def test_the_token_of_a_connect_server_is_printed_nowhere() -> None:
    settings = load_settings({"MEDALLION_SPARK_REMOTE": "sc://spark.example.com:443/;token=hush"})
    assert settings.spark.remote == "sc://spark.example.com:443/;token=hush"
    assert settings.spark.where == "sc://spark.example.com:443"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("parameters", [";token=hush", ":x/;token=hush", "@host;token=hush", ":70000/;token=hush"])
def test_a_url_that_is_refused_is_shown_without_its_token(parameters: str) -> None:
    with pytest.raises(SettingsError, match="MEDALLION_SPARK_REMOTE is not allowed") as refused:
        load_settings({"MEDALLION_SPARK_REMOTE": f"sc://spark.example.com{parameters}"})
    assert "hush" not in str(refused.value)


def test_masters_that_stand_by_for_each_other_are_one_master() -> None:
    masters = load_settings({"MEDALLION_SPARK_MASTER": "spark://one,another:7078"}).spark
    assert masters.addresses == [("one", 7077), ("another", 7078)]


def test_the_page_of_settings_lists_every_one_and_no_other() -> None:
    """Its table, where a row may name several of one beginning; and what only tests take."""
    source = "".join(path.read_text() for path in (REPOSITORY / "medallion_assets" / "settings").glob("*.py"))
    known = set(re.findall(r'"(MEDALLION_[A-Z_]+)"', source)) | {
        f"MEDALLION_ALERTS_{kind.upper()}" for kind in ALERT_KINDS
    }
    page = (REPOSITORY / "docs" / "settings.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    names = " ".join(line.split("|")[1].replace("`...", "`MEDALLION_ALERTS") for line in rows)
    listed = re.findall(r"`(\w+)`", names)
    of_tests = {"MEDALLION_REQUIRE", "MEDALLION_EXAMPLES", "MEDALLION_KILLS", "MEDALLION_STOPS", "MEDALLION_FAULTS"}
    assert {name for name in listed if name.startswith("MEDALLION_")} == known | of_tests
    assert set(AWS_VARIABLES) - {"AWS_REGION"} <= set(listed)
    assert len(listed) == len(set(listed))

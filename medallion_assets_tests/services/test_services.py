"""The real services start, answer as AWS does where the suite relies on it, and are skipped or required by name."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import boto3
import psycopg2
import pytest
from botocore.exceptions import ClientError

from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.names import SERVICES
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.s3 import S3Server

pytest_plugins = ("pytester",)


def test_dynamodb_local_answers_by_its_environment(
    dynamodb_local: DynamoDBLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in dynamodb_local.environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("dynamodb")
    assert isinstance(client.list_tables()["TableNames"], list)
    client.close()


def test_s3_server_refuses_a_second_put_if_none_match(s3_server: S3Server) -> None:
    bucket = s3_server.make_bucket()
    s3_server.client.put_object(Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3_server.client.put_object(Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*")
    assert s3_server.client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_postgres_keeps_what_was_committed_before_a_kill(postgres: PostgresServer) -> None:
    url = postgres.make_database().replace("+psycopg2", "")
    query(url, "CREATE TABLE kept AS SELECT 7 AS number")
    postgres.stop(signal.SIGKILL)
    assert not postgres.answers()
    postgres.start()
    assert query(url, "SELECT number FROM kept") == [(7,)]


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.mark.parametrize(("required", "outcome"), [("s3", "skipped"), ("s3, dynamodb_local", "errors")])
def test_a_missing_service_is_skipped_unless_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, required: str, outcome: str
) -> None:
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_REQUIRE", required)
    pytester.makeconftest("from medallion_assets_tests.conftest import *")
    pytester.makepyfile("def test_publish(dynamodb_local): pass")
    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {outcome: 1}
    result.stdout.fnmatch_lines(["*run .ci/services*"])


def test_a_service_that_nobody_knows_cannot_be_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLION_REQUIRE", "s3, sparc,")
    pytester.makeconftest("from medallion_assets_tests.conftest import *")
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (said,) = [line for line in result.errlines if "MEDALLION_REQUIRE" in line]
    assert said.endswith(f"expected: some of {', '.join(SERVICES)}; found: sparc; do: correct the name")


def test_ci_requires_every_service_that_any_machine_can_have() -> None:
    """A disk and a host where it may mount; a limit of memory only `make test-faults` asks for."""
    ci = (REPOSITORY / ".ci" / "run").read_text()
    (named,) = re.findall(r"^MEDALLION_REQUIRE=(\S+)\$disk make test-all$", ci, re.MULTILINE)
    assert re.search(r"^if mount .*; then\n(  .*\n)*?  disk=,small_disk,empty_host\n", ci, re.MULTILINE)
    assert {*named.split(","), "small_disk", "empty_host", "memory_limit"} == set(SERVICES)

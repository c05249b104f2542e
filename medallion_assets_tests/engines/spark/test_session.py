"""Why there is no session: each reason is an error that says what to do. Nothing of Spark is needed here."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from medallion_assets.engines.spark import loss, requirements
from medallion_assets.engines.spark import session as module
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.loss import is_lost
from medallion_assets.engines.spark.requirements import SparkMissingError, expect_answer, expect_jars, expect_s3
from medallion_assets.engines.spark.session import session
from medallion_assets.engines.spark.versions import OtherVersionError, expect_same, versions
from medallion_assets.errors import LostJobError, PermanentError, TransientError
from medallion_assets.settings.spark import SparkSettings
from medallion_assets_tests.services.processes import free_port


@pytest.fixture(autouse=True)
def with_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Spark's packages were there; and without the session that other tests share."""
    monkeypatch.setattr(requirements, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(__version__="4.1.1"))
    monkeypatch.setattr(module, "_kept", lru_cache(maxsize=1)(module._kept.__wrapped__))
    for holder in (module, loss):
        monkeypatch.setattr(holder, "forget_java", lambda: None)


def test_without_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None if name == "pyarrow" else name)
    with pytest.raises(SparkMissingError, match="found: no pyarrow; what to do: run make setup-spark"):
        module.session(SparkSettings())


def test_work_says_what_is_missing_before_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    engine = SparkEngine(settings=SparkSettings(master="local[7]"))
    with pytest.raises(SparkMissingError, match="found: no pyspark, pyarrow, pandas; what to do: run make setup-spark"):
        list(engine.run(str, [1]))


def test_without_what_a_client_of_connect_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str | None:
        if name == "google.rpc":
            raise ModuleNotFoundError(name)
        return None if name == "grpc_status" else name

    monkeypatch.setattr(requirements, "find_spec", find)
    with pytest.raises(SparkMissingError, match="found: no grpcio-status, googleapis-common-protos; what to do: run"):
        module.session(SparkSettings(remote="sc://127.0.0.1"))


def test_without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SparkMissingError, match="there is no Java; expected: Java 17"):
        module.session(SparkSettings())


@pytest.mark.parametrize("scheme", ["sc", "spark"])
def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setattr(shutil, "which", str)  # as if there were a Java
    url = f"{scheme}://127.0.0.1:{free_port()}"
    settings = SparkSettings(remote=url) if scheme == "sc" else SparkSettings(master=url)
    name = "REMOTE" if scheme == "sc" else "MASTER"
    with pytest.raises(TransientError, match=f"no answer from {url}.* or set MEDALLION_SPARK_{name}"):
        module.session(settings)


def test_of_several_masters_one_that_answers_is_enough() -> None:
    nobody = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        somebody = server.getsockname()[1]
        expect_answer(SparkSettings(master=f"spark://127.0.0.1:{nobody},127.0.0.1:{somebody}"))
    with pytest.raises(TransientError, match=f"no answer from spark://127.0.0.1:{nobody},localhost:{nobody}"):
        expect_answer(SparkSettings(master=f"spark://127.0.0.1:{nobody},localhost:{nobody}"))


def test_java_is_not_where_java_home_says(tmp_path: Path) -> None:
    with pytest.raises(SparkMissingError, match=f"no Java where JAVA_HOME says.*found: no program {tmp_path}/bin/java"):
        module.session(SparkSettings(java_home=str(tmp_path)))


def test_nobody_answers_at_the_endpoint_of_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Java would try for minutes."""
    monkeypatch.setattr(shutil, "which", str)
    url = f"http://127.0.0.1:{free_port()}"
    settings = SparkSettings(lakehouse_url="s3://bucket/lakehouse", s3_endpoint=url)
    with pytest.raises(TransientError, match=f"no answer from {url}; .* or correct AWS_ENDPOINT_URL"):
        module.session(settings)


def test_a_folder_of_jars_that_has_none_is_named_before_java_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    in_s3 = SparkSettings(lakehouse_url="s3://bucket/lakehouse", jars=tmp_path / "nope")
    with pytest.raises(SparkMissingError, match=f"in {tmp_path}/nope; found: no such folder; .*make spark-jars"):
        expect_jars(in_s3)
    with pytest.raises(SparkMissingError, match=f"in {tmp_path}; found: no such jar in it"):
        expect_jars(replace(in_s3, jars=tmp_path))
    (tmp_path / "hadoop-aws-3.4.2.jar").touch()
    expect_jars(replace(in_s3, jars=tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"lakehouse_url": "/a/disk"},
        {"master": ""},
        {"has_own_spark": True},
        {"conf": {"spark.jars.packages": "org.apache.hadoop:hadoop-aws:3.4.2"}},
    ],
)
def test_a_spark_that_may_bring_its_own_client_of_s3_needs_no_jars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    expect_jars(replace(SparkSettings(lakehouse_url="s3://bucket/lakehouse", jars=tmp_path), **change))


HERE = SparkSettings(master="local[1]", conf={"spark.sql.ansi.enabled": "false"})


class Session:
    """One as this machine would have it, of which Java is there until it is gone."""

    def __init__(self, version: str = "4.1.1") -> None:
        self.version = version
        self.is_gone = self.was_stopped = False
        self.conf = SimpleNamespace(values=dict(HERE.conf), set=self._set, get=self._get)
        self._sc = SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: SimpleNamespace(isStopped=self._answer)))

    def _set(self, name: str, value: str) -> None:
        self._answer()
        self.conf.values[name] = value

    def _get(self, *_: str) -> str:
        self._answer()
        return ""

    def _answer(self) -> bool:
        if self.is_gone:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.was_stopped

    def stop(self) -> None:
        self.was_stopped = True

    def interruptAll(self) -> None:  # noqa: N802 - as PySpark calls it
        self._answer()


def starts(monkeypatch: pytest.MonkeyPatch, *sessions: Any) -> None:
    """What is started, one after the other; an error is raised."""
    given = iter(sessions)

    def start(_: SparkSettings) -> Any:
        started = next(given)
        if isinstance(started, Exception):
            raise started
        return started

    monkeypatch.setattr(module, "_start", start)
    monkeypatch.setattr(shutil, "which", str)


@pytest.mark.parametrize("loss", ["is_gone", "was_stopped"])
def test_of_a_session_that_is_lost_the_next_to_ask_has_another(monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    """Whatever was done on it when it was lost: work, a frame, or dbt."""
    first, second = Session(), Session()
    starts(monkeypatch, first, second)
    assert session(HERE) is session(HERE) is first
    setattr(first, loss, True)
    assert session(HERE) is session(HERE) is second
    assert first.was_stopped


class ConnectSession(SimpleNamespace):
    """A client's, whose server says something."""

    @property
    def version(self) -> str:
        if self.says:
            raise RuntimeError(self.says)
        return "4.1.1"


@pytest.mark.parametrize(
    ("says", "stopped", "lost"),
    [
        ("", False, False),
        ("", True, True),
        ("StatusCode.UNAVAILABLE", False, True),
        ("[INVALID_HANDLE.SESSION_CHANGED] The existing server session", False, True),
        ("StatusCode.UNAUTHENTICATED", False, False),
    ],
)
def test_a_client_of_connect_asks_its_server(says: str, *, stopped: bool, lost: bool) -> None:
    assert is_lost(ConnectSession(says=says, is_stopped=stopped)) is lost


def test_cores_are_asked_for_as_any_work_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Java is gone between the look at the session and the question."""

    class GoneWhenAsked(Session):
        def _get(self, *_: str) -> str:
            self.is_gone = True
            return super()._get()

    starts(monkeypatch, GoneWhenAsked())
    with pytest.raises(LostJobError, match="a Spark process ended without an error message"):
        _ = SparkEngine(settings=HERE).processes


def test_a_start_that_failed_leaves_nothing_and_may_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one that does not reach S3: Spark has the project by then, and takes no other under its name."""
    broken, unreached, last = Session(), Session(), Session()
    broken.is_gone = True
    starts(monkeypatch, RuntimeError("StatusCode.UNAVAILABLE"), broken, unreached, last)
    monkeypatch.setattr(module, "expect_s3", Mock(side_effect=[TransientError("S3 timed out"), None]))
    in_s3 = replace(HERE, lakehouse_url="s3://lake/tables")
    for _ in range(2):
        with pytest.raises(TransientError, match="Spark does not start"):
            session(in_s3)
    with pytest.raises(TransientError, match="S3 timed out"):
        session(in_s3)
    assert broken.was_stopped
    assert unreached.was_stopped
    assert session(in_s3) is last


def test_ansi_mode_is_on_whatever_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    starts(monkeypatch, Session())
    assert session(HERE).conf.values["spark.sql.ansi.enabled"] == "true"


def test_a_spark_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the packages here, or of the server: each says its release."""
    starts(monkeypatch, Session("3.5.4-amzn-0"))
    with pytest.raises(SparkMissingError, match=r"too old.*found: Spark 3\.5\.4-amzn-0, at local.*emr-spark-8\.0\.0"):
        session(HERE)
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(__version__="3.5.2"))
    with pytest.raises(SparkMissingError, match=r"found: Spark 3\.5\.2, the pyspark of this process"):
        session(HERE)


@pytest.mark.parametrize(("said", "kind"), [("Status Code: 403", PermanentError), ("timed out", TransientError)])
def test_s3_that_is_not_reached(said: str, kind: type[Exception]) -> None:
    def is_empty() -> None:
        raise RuntimeError(f"java.nio.file.AccessException: {said}")

    frame = SimpleNamespace(parquet=lambda _: SimpleNamespace(isEmpty=is_empty))
    spark: Any = SimpleNamespace(read=SimpleNamespace(schema=lambda _: frame))
    with pytest.raises(kind, match=f"cannot reach the lakehouse.*{said}") as refused:
        expect_s3(spark, SparkSettings(lakehouse_url="s3://bucket/lakehouse"))
    assert type(refused.value) is kind


def test_another_version_on_an_executor() -> None:
    expect_same(versions())
    with pytest.raises(OtherVersionError, match=r"another Polars than the driver; expected: Polars 1\.0\.0"):
        expect_same({**versions(), "Polars": "1.0.0"})


NEVER_IMPORTED = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.scenario import run
import medallion_assets.definitions
with TemporaryDirectory() as folder:
    run(pipeline.lakehouse_at(Path(folder)))
print(sorted({"pyspark", "pyarrow", "pandas"} & sys.modules.keys()))
"""


@pytest.mark.slow
@pytest.mark.flow
def test_the_polars_engine_imports_none_of_sparks_packages() -> None:
    """Where they are installed: through every layer, and in the definitions that Dagster loads."""
    done = subprocess.run([sys.executable, "-c", NEVER_IMPORTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr[-500:]) == (0, "[]\n", "")

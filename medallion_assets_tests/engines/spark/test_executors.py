"""Executors, and a Spark, that cannot do this project's work: each is an error that says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import medallion_assets
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.requirements import SparkMissingError, expect_s3
from medallion_assets.engines.spark.session import session
from medallion_assets.engines.spark.versions import OtherVersionError
from medallion_assets.settings.spark import SparkSettings

pytestmark = pytest.mark.slow


def process(_: int) -> int:
    return os.getpid()


def on(interpreter: str, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch) -> OtherVersionError:
    """What work raises whose executors have this interpreter."""
    monkeypatch.setattr(session(spark.settings).sparkContext, "pythonExec", interpreter)
    with pytest.raises(OtherVersionError) as refused:
        list(spark.map_items(process, [1]))
    return refused.value


def test_another_version_of_the_project(tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in the folder in which the executor's interpreter starts, which comes first."""
    package = Path(str(medallion_assets.__file__)).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / package.name / "__init__.py").write_text("VERSION = 'another'\n")
    interpreter = tmp_path / "python"
    interpreter.write_text(f'#!/bin/sh\ncd {tmp_path}\nexec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)
    refused = on(str(interpreter), spark, monkeypatch)
    assert "has another medallion_assets than the driver" in str(refused)
    assert "install the same release" in str(refused)


def test_an_interpreter_without_the_requirements(spark: SparkEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that this environment was made with has no packages."""
    bare = str(sys._base_executable)  # type: ignore[attr-defined]
    if subprocess.run([bare, "-c", "import polars"], capture_output=True, check=False).returncode == 0:
        pytest.skip("the Python below this environment has the packages too")
    refused = on(bare, spark, monkeypatch)
    assert "the executors cannot run this project" in str(refused)
    assert "set MEDALLION_SPARK_PYTHON" in str(refused)


def other_python() -> str:
    """One of another minor version: on the PATH, or beside the one that this environment was made with."""
    minor = "{}.{}".format(*sys.version_info[:2])
    names = [f"python3.{number}" for number in range(9, 15) if f"3.{number}" != minor]
    beside = sorted(Path(sys.base_prefix).parent.glob("3.*/bin/python3"))
    for program in filter(None, [*map(shutil.which, names), *map(str, beside)]):
        asked = [program, "-c", "import sys; print('{}.{}'.format(*sys.version_info[:2]))"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if found not in ("", minor):
            return program
    pytest.skip("there is one Python only")


def test_another_python(spark: SparkEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = on(other_python(), spark, monkeypatch)
    assert "PYTHON_VERSION_MISMATCH" in str(refused)


def test_without_a_client_of_s3(spark: SparkEngine) -> None:
    settings = SparkSettings(lakehouse_url="s3://bucket/lakehouse")
    with pytest.raises(SparkMissingError, match=r"no S3 client.*where the session is started, run make spark-jars"):
        expect_s3(session(spark.settings), settings)

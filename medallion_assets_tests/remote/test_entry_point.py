"""The entry point: a small room of its own, which prints what it does when no Dagster asks."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.remote.__main__ import main, run_stage
from medallion_assets.remote.request import Request, release
from medallion_assets.settings import load_settings
from medallion_assets_tests.pipeline import CATALOG, NOW
from medallion_assets_tests.refining.landing import Landing
from medallion_assets_tests.services.processes import REPOSITORY

LOG = logging.getLogger("test")
LOADED = """
import sys
import medallion_assets.remote.__main__
heavy = {'dagster', 'dagster_shared', 'dagster_webserver', 'pyspark', 'pyarrow', 'dbt'}
print(sorted({name.partition('.')[0] for name in sys.modules} & heavy))
"""


def test_neither_dagster_nor_spark_is_imported() -> None:
    """A machine that runs stages needs no web server, and a stage on Polars no Spark."""
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "0.0.1"}, "another version of the project"),
        ({"version": f"{version('medallion-assets')}+0123456789ab"}, "another version of the project"),
        ({"lakehouse_url": "/other"}, "another lakehouse"),
    ],
)
def test_another_version_and_another_lakehouse_are_refused(tmp_path: Path, change: dict[str, str], says: str) -> None:
    """Before anything is read or written. Two checkouts have the same number, and another source."""
    settings = load_settings({"MEDALLION_HOME": str(tmp_path)})
    same = {"version": release(), "lakehouse_url": settings.lakehouse_url}
    request = Request(table="silver.customers", run_id="r", now=NOW, **(same | change))
    with pytest.raises(SettingsError, match=says):
        run_stage(settings, CATALOG, request, log=LOG, tell=lambda _: None)
    assert not (tmp_path / "lakehouse").exists()


def test_a_table_that_no_stage_writes_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    settings = load_settings({"MEDALLION_HOME": str(tmp_path)})
    request = Request(
        table="silver.nothing", run_id="r", now=NOW, version=release(), lakehouse_url=settings.lakehouse_url
    )
    with pytest.raises(PermanentError, match=r"one of bronze\..*silver\.customers"):
        run_stage(settings, CATALOG, request, log=LOG, tell=lambda _: None)


def test_by_hand_it_prints_what_it_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    Landing(tmp_path, "customers", raw_url=load_settings({"MEDALLION_HOME": str(tmp_path)}).raw_url).full("C-1")
    assert main(["--table", "bronze.customers"]) == 0
    assert "Made(table='bronze.customers', version=" in capsys.readouterr().out
    assert main(["--table", "gold.daily_sales_summary"]) == 1
    assert "a run cannot cover these days" in capsys.readouterr().err

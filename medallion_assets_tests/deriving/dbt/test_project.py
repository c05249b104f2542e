"""What was parsed of a project comes with it, and counts as long as it is of its files and of this dbt."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt import project
from medallion_assets.deriving.dbt.build import _node, build
from medallion_assets.deriving.dbt.built import Build, Node
from medallion_assets.deriving.dbt.preparing.prepare import prepare
from medallion_assets.deriving.dbt.project import PARSED_OF, Call, prepared_specs, ship_parsed
from medallion_assets.deriving.dbt.rebuild import rebuild_models
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.deriving.dbt.specs import CheckSpec, ModelSpec, Specs
from medallion_assets.deriving.dbt.warehouses.in_duckdb import IN_DUCKDB
from medallion_assets.deriving.dbt.warehouses.in_spark import InSpark
from medallion_assets.deriving.dbt.warehouses.warehouse import Warehouse
from medallion_assets.engines.aside import Place
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.errors import DiskFullError, LostJobError, ModelTestsError, OutOfMemoryError, PermanentError
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets_tests.deriving.dbt.planting import NOW

pytestmark = pytest.mark.xdist_group("dbt")


@pytest.mark.slow
def test_a_parsed_project_that_comes_with_its_files_spares_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = replace(STAR, project=tmp_path / "project")
    shutil.copytree(STAR.project, models.project, ignore=shutil.ignore_patterns("target"))
    said: list[str] = []
    assert [file.name for file in prepare(models, ship=True, report=said.append)] == [
        "partial_parse.msgpack",
        "parsed_of.json",
    ]
    assert said == ["project is not shipped parsed; it is parsed now"]

    moved = tmp_path / "elsewhere" / "project"
    shutil.copytree(models.project, moved)
    call = Call(project=moved, run=tmp_path, report=said.append)
    seed = call.manifest().nodes["seed.star_schema.us_holidays"]
    assert len(said) == 1
    assert getattr(seed, "root_path", None) == str(moved)

    parsed_of = moved / PARSED_OF
    parsed_of.write_text(json.dumps(json.loads(parsed_of.read_text()) | {"dbt-core": "1.0.0"}))
    monkeypatch.setattr(project, "_PARSED", {})
    call.manifest()
    assert said[1:] == ["project has changed since it was parsed, or dbt has; it is parsed again"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """A project of one model, seed and test that names no profile, in a folder with a quote in its name."""
    project, run = tmp_path / "o'neil proj", tmp_path / "run"
    files = {
        "dbt_project.yml": "name: small\nversion: 1.0.0\nflags: {send_anonymous_usage_stats: true}\n",
        "models/numbers.sql": "{{ config(materialized='table') }} select 7 as number",
        "seeds/letters.csv": "letter\na\nb\n",
        "tests/no_number.sql": "{{ config(severity='warn') }} select * from {{ ref('numbers') }}",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    run.mkdir()
    return Call(project=project, run=run)


@pytest.mark.slow
def test_variables_of_the_user_do_not_say_what_is_built(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EMPTY": "1",
        "EXCLUDE_RESOURCE_TYPES": "test",
        "WARN_ERROR": "1",
        "TARGET": "prod",
        "PROFILE": "mine",
        "SINGLE_THREADED": "1",
        "SEND_ANONYMOUS_USAGE_STATS": "1",
    }.items():
        monkeypatch.setenv(f"DBT_{name}", value)
    done = build(call, [])
    assert {(node.name, node.status, node.failures) for node in done.nodes} == {
        ("numbers", "success", 0),
        ("letters", "success", 0),
        ("no_number", "warn", 1),
    }
    with connect(call.database) as connection:
        assert connection.execute("from letters").fetchall() == [("a",), ("b",)]
    from dbt.flags import get_flags

    assert get_flags().SEND_ANONYMOUS_USAGE_STATS is False
    assert os.environ["DBT_EMPTY"] == "1"


def test_results_that_lack_a_model_or_a_test_are_refused() -> None:
    made = ModelSpec(name="m", unique_id="model.p.m", path="", upstream=())
    specs = Specs(models=(made,), tests=(CheckSpec(name="t", model="m", description=""),))
    model = Node(name="m", kind="model", status="success")
    Build(nodes=(model, Node(name="t", kind="test", status="pass"))).expect_complete(specs)
    for nodes, said in (((), "none of m, t"), ((model,), "none of t")):
        with pytest.raises(PermanentError, match=said):
            Build(nodes=nodes).expect_complete(specs)


IN_SPARK = InSpark(engine=SparkEngine(), spark=None, place=Place("lakehouse"))


@pytest.mark.parametrize(
    ("warehouse", "said", "error"),
    [
        (IN_DUCKDB, "Out of Memory Error: failed to allocate", OutOfMemoryError),
        (IN_DUCKDB, "IO Error: No space left on device", DiskFullError),
        (IN_DUCKDB, "IO Error: Connection refused", PermanentError),
        (IN_DUCKDB, "Conversion Error: 'MemoryError' is no number", PermanentError),
        (IN_SPARK, "java.io.IOException: No space left on device", DiskFullError),
        (IN_SPARK, "Job aborted: most recent failure: ExecutorLostFailure (executor 1 exited) Reason: x", LostJobError),
        (IN_SPARK, "org.apache.spark.SparkException: java.lang.OutOfMemoryError: Java heap space", OutOfMemoryError),
        (IN_SPARK, "[CAST_INVALID_INPUT] 'SESSION UNAVAILABLE' is no number", PermanentError),
    ],
)
def test_each_warehouse_tells_too_little_room_and_lost_processes_from_faults_of_the_sql(
    warehouse: Warehouse, said: str, error: type[Exception]
) -> None:
    of_dbt = SimpleNamespace(name="m", resource_type="model", relation_name=None)
    result = SimpleNamespace(node=of_dbt, status="error", failures=None, message=said, execution_time=0.0)
    with pytest.raises(error) as raised:
        Build(nodes=(_node(result, warehouse),)).expect_passed()
    assert raised.type is error


def test_sql_of_the_warehouse_itself_notices_that_its_session_is_lost() -> None:
    def refuse(_: str) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(LostJobError):
        replace(IN_SPARK, spark=SimpleNamespace(sql=refuse), schemas={"gold"}).drop()


def test_tests_that_failed_are_named_first_where_a_model_broke_of_their_rows_too() -> None:
    model = Node(name="dim", kind="model", status="error", message="Conversion Error")
    of_source = Node(name="orders_status_is_known", kind="test", status="fail", failures=2)
    with pytest.raises(ModelTestsError, match=r"failed: orders_status_is_known;.*dim: Conversion Error"):
        Build(nodes=(model, of_source)).expect_passed()


@pytest.mark.slow
def test_an_interruption_is_none_of_the_projects_faults(call: Call) -> None:
    """A run that is ended by its time limit, say; what interrupts is no Exception."""

    def interrupted(said: str) -> None:
        if "numbers" in said:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build(replace(call, report=interrupted), [])


def test_a_test_that_came_or_went_since_the_project_was_prepared_is_noticed_before_a_build(tmp_path: Path) -> None:
    models = replace(STAR, project=tmp_path / "project")
    shutil.copytree(STAR.project, models.project, ignore=shutil.ignore_patterns("target"))
    prepared_specs(models)
    (models.project / "tests" / ".swp").touch()
    prepared_specs(models)
    (models.project / "tests" / "no_product_is_lost.sql").unlink()
    lake = Lakehouse(url=str(tmp_path / "lakehouse"))
    with pytest.raises(PermanentError, match=r"has changed since it was prepared.*medallion dbt-prepare"):
        refresh(lake, models, now=NOW)
    with pytest.raises(PermanentError, match="has changed since it was prepared"):
        rebuild_models(lake, models, models.models[0], why="to see", now=NOW)


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["partial_parse.msgpack", "parsed_of.json"])
def test_what_was_parsed_by_hand_or_cannot_be_read_is_parsed_anew(
    call: Call, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_parsed(call)
    (call.project / "target" / broken).write_bytes(b"")
    said: list[str] = []
    monkeypatch.setattr(project, "_PARSED", {})
    assert "model.small.numbers" in replace(call, report=said.append).manifest().nodes
    assert said == ["o'neil proj has changed since it was parsed, or dbt has; it is parsed again"]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no dbt project"):
        project.project_digest(tmp_path)

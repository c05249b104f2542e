"""What dbt, Spark and processes on other machines fail with is told once each, and so are their ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.deriving.dbt.preparing.prepare import prepare
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.deriving.dbt.planting import plant, plant_shop
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.failures.foreign import DAY, GOLD, a_library, gold_of
from medallion_assets_tests.orchestration.failures.on_call import on_call
from medallion_assets_tests.orchestration.judged_exports import TRANSACTIONS, base, land
from medallion_assets_tests.orchestration.remote.remote_graph import OURS, program, remote_graph, settings_of

pytestmark = pytest.mark.slow
MODELS = tuple(table.path for table in STAR.models)
BUILD = STAR.models[-1].name


def expect_told(
    sound: Graph,
    broken: Graph,
    *assets: str,
    stage: str,
    says: tuple[str, ...],
    mend: Callable[[], object] = lambda: None,
) -> None:
    """A run of some assets in the broken graph, and one in the sound one once it is mended."""
    first = DAY if stage == GOLD else None
    with on_call(sound) as person:
        failed = broken.run(*assets, first=first).result.run_id
        for _ in range(2):
            person.look()
        person.expect_told([failed], stage, says)
        mend()
        assert sound.run(*assets, first=first).success
        for _ in range(2):
            person.look()
        person.expect_over(stage)


@pytest.mark.xdist_group("dbt")
def test_models_whose_tests_fail(graph: Graph) -> None:
    shop = replace(graph, pipelines=(STAR_SCHEMA,))
    plant_shop(shop.lakehouse)
    current = [{"valid_from": datetime(2025, month, 1, tzinfo=UTC)} for month in (1, 2)]
    plant(shop.lakehouse, CRM_CUSTOMERS, *current)
    expect_told(
        shop,
        shop,
        *MODELS,
        stage=BUILD,
        says=("tests of models failed", "one_current_version"),
        mend=lambda: plant(shop.lakehouse, CRM_CUSTOMERS, current[0]),
    )


@pytest.mark.xdist_group("dbt")
def test_a_model_that_breaks(graph: Graph, tmp_path: Path) -> None:
    """Its SQL is wrong for what a table holds: DuckDB says so to dbt."""
    project = shutil.copytree(STAR.project, tmp_path / "project")
    (model,) = project.rglob("mart_revenue.sql")
    model.write_text(f"{model.read_text()}\nwhere error('no rate of the day') is null\n")
    shop = replace(graph, pipelines=(STAR_SCHEMA,))
    plant_shop(shop.lakehouse)
    models = replace(STAR, project=project)
    prepare(models)
    broken = replace(shop, pipelines=(replace(STAR_SCHEMA, dbt=(models,)),))
    expect_told(shop, broken, *MODELS, stage=BUILD, says=("no rate of the day",))


def test_a_table_on_spark(desk: Graph, spark: SparkEngine) -> None:
    on_spark = replace(desk, settings=replace(desk.settings, engine="spark", spark=spark.settings))
    expect_told(on_spark, gold_of(a_library)(on_spark), "gold/team_minutes", stage=GOLD, says=("minuets",))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(
            "send_end(pipes, peak_memory_bytes=7, failure=PermanentError('no rates', found='none', do='wait'))",
            ("no rates", "found: none", "What to do: wait"),
            id="it says why",
        ),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", ("remote process", "out of memory"), id="it is killed"),
    ],
)
def test_a_process_elsewhere(
    tmp_path: Path,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    says: tuple[str, ...],
) -> None:
    commands: dict[str, Any] = {"silver": OURS}
    for name, value in settings_of(tmp_path, commands).items():
        monkeypatch.setenv(name, value)
    sound = remote_graph(tmp_path, dagster_instance, commands)
    land(sound, base())
    broken = remote_graph(tmp_path, dagster_instance, {"silver": program(body)})
    expect_told(sound, broken, TRANSACTIONS, stage=TRANSACTIONS.replace("/", "."), says=says)

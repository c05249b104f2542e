"""A dbt project of somebody's own, in a wheel of theirs: examples/corner_shop, as docs/dbt.md says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.settings.environment import inherited_environment

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "corner_shop"
BIN = Path(sys.executable).parent
RUN = """
import json, sys
from pathlib import Path
from corner_shop.pipeline import MODELS, ORDERS
from corner_shop.definitions import defs
assert not {"dbt", "dagster_dbt", "sqlglot"} & sys.modules.keys()
import dagster as dg
from medallion_assets.deriving.dbt import project
from medallion_assets.settings import load_settings
from medallion_assets_tests.deriving.dbt.planting import FEBRUARY, plant
from medallion_assets.delta.table import Lakehouse

settings = load_settings()
plant(Lakehouse(url=settings.lakehouse_url), ORDERS, {}, {"order_id": "o2", "ordered_at": FEBRUARY},
      {"order_id": "o3", "customer_id": "c2"}, {"order_id": "o4", "customer_id": None, "status": "cancelled"})
assets = [*(table.path for table in MODELS.models), "loyal_customers"]
done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
    asset_selection=[dg.AssetKey(path.split("/")) for path in assets], raise_on_error=False)
spec = defs.resolve_asset_graph().get(dg.AssetKey(["gold", "customer_orders"]))
said = []
def parse():
    project._PARSED.clear()
    project.Call(project=MODELS.project, run=Path(sys.argv[1]), report=said.append).manifest()
parse()
came_parsed = not said
parsed_of = MODELS.project / project.PARSED_OF
parsed_of.write_text(json.dumps(json.loads(parsed_of.read_text()) | {"dbt-core": "1.0.0"}))
parse()
print(json.dumps({
    "materialized": sorted(event.asset_key.to_user_string() for event in done.get_asset_materialization_events()),
    "failed": [str(event.event_specific_data.error) for event in done.all_events if event.is_step_failure],
    "checks": {
        check.check_name: check.passed for check in done.get_asset_check_evaluations() if check.check_name != "is_fresh"
    },
    "loyal": [
        event.materialization.metadata["dagster/row_count"].value
        for event in done.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("loyal_customers")],
    "group": spec.group_name, "tags": dict(spec.tags),
    "file": spec.metadata["dbt_file"].value, "docs": spec.metadata["dbt_docs"].value,
    "came_parsed": came_parsed, "said": said, "project": str(MODELS.project), "lakehouse": settings.lakehouse_url}))
"""


def command(*arguments: object, on_path: Path, home: Path, pipelines: str = "corner_shop.pipeline:SHOP") -> str:
    named = {"PYTHONPATH": f"{on_path}:{REPOSITORY}", "MEDALLION_HOME": str(home), "MEDALLION_PIPELINES": pipelines}
    environment = inherited_environment() | named | {"UV_OFFLINE": "1"}
    done = subprocess.run(
        list(map(str, arguments)), env=environment, capture_output=True, text=True, check=False, cwd=home
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder that the wheel is installed to: prepared, built and installed without a network."""
    source, target = tmp_path / "checkout", tmp_path / "installed"
    shutil.copytree(EXAMPLE, source)
    prepared = command(BIN / "medallion", "dbt-prepare", "--ship", on_path=source / "src", home=tmp_path)
    written = {Path(line).name for line in prepared.splitlines()}
    assert written >= {"sources.yml", "medallion_schemas.sql", "medallion_rows.sql", "medallion.json"}
    assert written >= {"partial_parse.msgpack", "parsed_of.json"}
    command(BIN / "uv", "build", "--wheel", source, "--out-dir", tmp_path / "dist", on_path=source, home=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    pip = (BIN / "uv", "pip", "install", "--python", sys.executable, "--no-deps", "--no-index")
    command(*pip, "--target", target, wheel, on_path=source, home=tmp_path)
    shutil.rmtree(source)
    return target


@pytest.mark.slow
def test_models_of_a_wheel_are_published_and_used_by_assets_of_its_own(installed: Path, tmp_path: Path) -> None:
    said: dict[str, Any] = json.loads(
        command(sys.executable, "-W", "ignore", "-c", RUN, tmp_path, on_path=installed, home=tmp_path).splitlines()[-1]
    )
    assert said["failed"] == []
    assert said["project"] == str(installed / "corner_shop" / "dbt_project")
    assert said["materialized"] == ["gold/customer_orders", "gold/daily_orders", "loyal_customers"]
    assert set(said["checks"].values()) == {True}
    assert set(said["checks"]) >= {"orders_are_counted_once", "orders_key_is_unique"}
    assert "not_null_customer_orders_customer_id" in said["checks"]
    published = pl.read_delta(f"{said['lakehouse']}/gold/customer_orders").sort("customer_id")
    assert published.select("customer_id", "orders").rows() == [("c1", 2), ("c2", 1)]
    assert pl.read_delta(f"{said['lakehouse']}/gold/daily_orders")["orders"].sum() == 4
    assert said["loyal"] == [1]

    assert (said["group"], said["file"]) == ("corner_shop", "models/customer_orders.sql")  # by its translator
    assert said["tags"]["loyalty"] == ""
    assert said["docs"].endswith("/dbt_docs/corner_shop/index.html#!/model/model.corner_shop.customer_orders")
    assert (tmp_path / "dbt_docs" / "corner_shop" / "index.html").is_file()
    assert said["came_parsed"]
    assert said["said"] == ["dbt_project has changed since it was parsed, or dbt has; it is parsed again"]

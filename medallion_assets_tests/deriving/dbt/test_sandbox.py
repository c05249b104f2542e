"""A folder in which a dbt of one's own reads Silver as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from medallion_assets.delta.duckdb.views import connect
from medallion_assets.deriving.dbt.sandbox import make_sandbox, sandbox
from medallion_assets.errors import MissingTableError, PermanentError
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets_tests.cli.command_line import answer
from medallion_assets_tests.deriving.dbt.planting import lakehouse_at, plant, plant_shop


def test_a_sandbox_has_the_latest_rows_and_goes_with_its_context(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    plant(lake, ORDERS, {}, {"order_id": "o2"})
    with sandbox(lake, STAR) as folder:
        profile = yaml.safe_load((folder / "profiles.yml").read_text())["medallion"]
        with connect(profile["outputs"][profile["target"]]["path"]) as connection:
            assert connection.execute("select order_id from silver.orders order by all").fetchall() == [
                ("o1",),
                ("o2",),
            ]
    assert not folder.exists()
    for _ in range(2):  # made again in the same place
        make_sandbox(lake, STAR, tmp_path / "sandbox")


def test_the_command_prints_how_to_call_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_PIPELINES", "medallion_assets.pipelines.star_schema.pipeline:STAR_SCHEMA")
    plant_shop(lakehouse_at(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = answer("dbt-sandbox", "sandbox")  # dbt takes what is relative to be below its project
    places = made["command"][made["command"].index("--profiles-dir") + 1 :: 2]
    assert [places[0], *places[2:]] == [str(tmp_path / path) for path in ("sandbox", "sandbox/target", "sandbox/logs")]
    assert made["command"][:4] == ["dbt", "build", "--project-dir", str(STAR.project)]
    assert (tmp_path / "sandbox" / "profiles.yml").is_file()


@pytest.mark.parametrize(
    ("pipeline", "name", "said"),
    [
        ("transactions.pipeline:TRANSACTIONS", (), "no pipeline has dbt models"),
        ("star_schema.pipeline:STAR_SCHEMA", ("--name", "nosuch"), "no pipeline has these dbt models"),
    ],
)
def test_models_that_there_are_not_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pipeline: str, name: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_PIPELINES", f"medallion_assets.pipelines.{pipeline}")
    assert answer("dbt-sandbox", str(tmp_path / "sandbox"), *name)["error"]["what"] == said


def test_a_look_makes_no_table(tmp_path: Path) -> None:
    """Where nothing has come in yet, it says so, and the lakehouse stays as it is."""
    lake = lakehouse_at(tmp_path)
    with pytest.raises(MissingTableError), sandbox(lake, STAR):
        pass
    assert not lake.exists(ORDERS)
    assert not any(lake.exists(source) for source in STAR.sources)


def test_a_folder_of_somebody_else_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").write_text("mine: {}")
    with pytest.raises(PermanentError, match="files that do not belong to a sandbox"):
        make_sandbox(lakehouse_at(tmp_path), STAR, tmp_path)
    assert (tmp_path / "profiles.yml").read_text() == "mine: {}"


def test_a_folder_inside_the_project_is_refused(tmp_path: Path) -> None:
    inside = STAR.project / "sandbox"
    with pytest.raises(PermanentError, match="inside the dbt project"):
        make_sandbox(lakehouse_at(tmp_path), STAR, inside)
    assert not inside.exists()

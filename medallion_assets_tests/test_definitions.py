"""What Dagster loads: the whole graph, as it stands in a file, without reading any data."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from medallion_assets.cli.demo.home import PIPELINES
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.sensor_names import SHARED, of_pipeline
from medallion_assets.definitions import build_defs
from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import load_settings
from medallion_assets_tests.asset_graph import PICTURES, drawn
from medallion_assets_tests.services.processes import free_port


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """The module that Dagster loads, loaded anew in some environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.find_spec("medallion_assets.definitions")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("picture", "variables"), PICTURES.items(), ids=lambda given: getattr(given, "stem", ""))
def test_the_graph_is_what_its_picture_says(picture: Path, variables: dict[str, str]) -> None:
    """Assets, groups, kinds, owners, dependencies, partitions, checks, jobs, schedules and sensors."""
    assert drawn(variables) == picture.read_text(), "if that was meant: python -m medallion_assets_tests.asset_graph"


def test_the_definitions_are_sound() -> None:
    dg.Definitions.validate_loadable(build_defs(load_settings({})))


@pytest.mark.parametrize("variables", [{}, {"MEDALLION_TIMERS": "none"}])
def test_every_sensor_has_a_name_that_no_declaration_may_take(variables: dict[str, str]) -> None:
    settings = load_settings({"MEDALLION_PIPELINES": " ".join(PIPELINES), **variables})
    pipelines = load_catalog(settings.pipelines).pipelines
    refused = {*SHARED, *(name for pipeline in pipelines for name in of_pipeline(pipeline))}
    declared = {condition.name for pipeline in pipelines for condition in pipeline.run_if}
    assert {sensor.name for sensor in build_defs(settings).sensors or ()} - declared <= refused


def test_the_first_partition_is_a_setting() -> None:
    definitions = build_defs(load_settings({"MEDALLION_FIRST_DAY": "2024-02-29"}))
    for node in definitions.resolve_asset_graph().asset_nodes:
        if node.partitions_def is not None:
            assert node.partitions_def.get_first_partition_key() == "2024-02-29"


@pytest.mark.parametrize(
    ("variables", "status"),
    [({}, "STOPPED"), ({"MEDALLION_TRIGGERS": "off"}, "STOPPED"), ({"MEDALLION_TRIGGERS": "on"}, "RUNNING")],
)
def test_no_trigger_is_on_unless_the_settings_say_so(variables: dict[str, str], status: str) -> None:
    """A daemon that somebody runs beside the UI must not start to load, build and publish unasked."""
    definitions = build_defs(load_settings(variables))
    triggers = [*(definitions.sensors or []), *(definitions.schedules or [])]
    assert len(triggers) > 10
    assert {trigger.default_status.name for trigger in triggers} == {status}


@pytest.mark.filterwarnings("ignore:.*environment_vars:DeprecationWarning")
def test_credentials_reach_the_resources_and_not_what_dagster_stores_and_shows() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "hush", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "hush"}
    definitions = build_defs(load_settings(keys | {"AWS_REGION": "eu-west-1"}))
    assert "hush" not in dg.serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    resources = definitions.resources or {}
    assert "hush" not in repr(resources)
    lakehouse: LakehouseResource = resources["lakehouse"]
    assert lakehouse.lakehouse().storage_options == keys | {"AWS_REGION": "eu-west-1"}
    assert "hush" not in repr(lakehouse.lakehouse())
    assert resources["dynamodb"].serving.region == "eu-west-1"  # boto3 reads AWS_DEFAULT_REGION alone


def test_resources_stand_in_for_the_usual_ones() -> None:
    mine = DynamoDBResource(serving=Serving(region="eu-west-1"))
    resources = build_defs(load_settings({}), resources={"dynamodb": mine}).resources or {}
    assert resources["dynamodb"] is mine
    assert isinstance(resources["lakehouse"], LakehouseResource)


def test_the_launchpad_points_no_run_at_another_lakehouse() -> None:
    """Nor at another DynamoDB: what a run may be told are the parameters of its assets."""
    resources = build_defs(load_settings({})).resolve_job_def("ingest").run_config_schema.run_config_schema_type.fields
    offered = resources["resources"].config_type.fields
    for name in ("lakehouse", "dynamodb"):
        assert offered[name].config_type.fields["config"].config_type.fields == {}


def test_loading_reads_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither folders, which are not even made, nor a store, which does not answer here."""
    home, nobody = tmp_path / "home", f"http://127.0.0.1:{free_port()}"
    load(monkeypatch, MEDALLION_HOME=str(home), AWS_ENDPOINT_URL=nobody)
    load(monkeypatch, MEDALLION_LAKEHOUSE_URL="s3://lake/tables", MEDALLION_RAW_URL="s3://lake/raw")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MEDALLION_ENGINE", "duckdb", "one of polars"),
        ("MEDALLION_FIRST_DAY", "2025-02-30", "YYYY-MM-DD"),
        ("MEDALLION_RAW_URL", "gs://bucket/raw", "s3://bucket/prefix"),
        ("MEDALLION_LAKEHOUSE_URL", "s3:///no-bucket", "s3://bucket/prefix"),
    ],
)
def test_a_wrong_setting_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    """With the name of the setting, what is allowed, and what was found."""
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, **{name: value})
    message = str(refused.value)
    assert name in message
    assert allowed in message
    assert repr(value) in message

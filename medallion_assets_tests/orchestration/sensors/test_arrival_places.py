"""File-arrival sensors and their places: folders, buckets, and what is neither."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.operations.tables.alerts import read_events
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.arriving_exports import BRONZE, TABLE, landing, load, sensing
from medallion_assets_tests.orchestration.sensors.sensing import NOON
from medallion_assets_tests.refining.landing import AT, HOUR
from medallion_assets_tests.services.s3 import S3Server


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_raw_location_that_is_none_fails_the_tick_with_what_to_do(graph: Graph, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    sensor = sensing(graph)
    sensor.raw_url = str(tmp_path / "file" / "x") if place == "below a file" else str(tmp_path / "file")
    with pytest.raises(PermanentError, match=r"there is no folder .*, and none can be made; .*MEDALLION_RAW_URL"):
        sensor.tick()


def test_a_lakehouse_location_that_is_no_table_fails_the_tick_with_what_to_do(graph: Graph, tmp_path: Path) -> None:
    landing(graph).full("a")
    sensor = sensing(graph)
    (tmp_path / "file").touch()
    sensor.url = str(tmp_path / "file")
    with pytest.raises(MedallionError, match=r"cannot be read.*MEDALLION_LAKEHOUSE_URL"):
        sensor.tick()
    log = tmp_path / "lake" / BRONZE.path / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("garbage")
    sensor.url = str(tmp_path / "lake")
    with pytest.raises(MedallionError, match=r"cannot be read.*MEDALLION_LAKEHOUSE_URL"):
        sensor.tick()


def test_exports_in_a_bucket_are_asked_for_and_a_wrong_bucket_is_named(graph: Graph, s3_server: S3Server) -> None:
    sensor, place = sensing(graph), landing(graph)
    place.lakehouse = replace(place.lakehouse, storage_options=s3_server.environment)
    sensor.storage_options = s3_server.environment
    sensor.raw_url = place.raw_url = f"s3://{s3_server.make_bucket()}/raw"
    assert sensor.tick() is None
    export = place.window("a")
    request = sensor.tick(5)
    assert request is not None
    assert request.tags["medallion/cause"] == export.export_id
    place.ingest()
    assert sensor.tick(10) is None
    assert json.loads(sensor.cursor or "")["position"] == export.export_id
    later = place.window("b", begin=AT + HOUR)
    request = sensor.tick(15)
    assert request is not None
    assert request.tags["medallion/cause"] == later.export_id
    sensor.raw_url = "s3://no-such-bucket/raw"
    with pytest.raises(PermanentError, match="there is no place to look in; found: this place"):
        sensor.tick(20)


def test_a_raw_folder_that_is_gone_is_no_folder_without_exports(graph: Graph) -> None:
    """As when its disk is not mounted; before anything was loaded there may be none yet."""
    place, sensor = landing(graph), sensing(graph)
    assert sensor.tick() is None
    place.full("a")
    load(sensor, 5)
    folder = Path(place.raw_url) / TABLE
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(PermanentError, match="from which 1 export was loaded"):
        sensor.tick(10)
    (told,) = read_events(graph.lakehouse, NOON)
    assert (told.kind, told.table) == ("failure", BRONZE.name)
    assert "from which 1 export was loaded" in told.what
    with pytest.raises(PermanentError, match="make the folder again"):
        place.ingest()
    folder.mkdir()
    assert sensor.tick(15) is None

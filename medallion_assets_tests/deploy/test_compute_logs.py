"""What runs print, in a bucket: the block that stands commented out in deploy/dagster.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.s3 import S3Server


def block() -> dict[str, Any]:
    """The block without its comment signs."""
    text = (REPOSITORY / "deploy" / "dagster.yaml").read_text()
    (lines,) = re.findall(r"^#compute_logs:\n(?:#  .*\n)+", text, re.MULTILINE)
    found = yaml.safe_load(re.sub("^#", "", lines, flags=re.MULTILINE))
    assert isinstance(found, dict)
    return found


def test_what_a_run_prints_is_read_back_from_a_bucket(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another instance, as that of the web server of another host."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers the credentials of before
    values, bucket = block(), s3_server.make_bucket()
    values["compute_logs"]["config"]["bucket"] = bucket
    homes = [tmp_path / "one", tmp_path / "other"]
    for home in homes:
        home.mkdir()
        (home / "dagster.yaml").write_text(yaml.dump(values))

    @dg.op
    def speak() -> None:
        print("loaded 2 exports")  # noqa: T201

    @dg.job
    def speaking() -> None:
        speak()

    with dg.DagsterInstance.from_config(str(homes[0])) as instance:
        run = speaking.execute_in_process(instance=instance)
        (captured,) = [event for event in run.all_events if event.event_type is dg.DagsterEventType.LOGS_CAPTURED]
    keys = [entry["Key"] for entry in s3_server.client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert {key.split("/")[0] for key in keys} == {"medallion"}
    with dg.DagsterInstance.from_config(str(homes[1])) as other:
        key = [run.run_id, "compute_logs", captured.logs_captured_data.file_key]
        read = other.compute_log_manager.get_log_data(key)
    assert b"loaded 2 exports" in (read.stdout or b"")

"""What a dagster.yaml lacks is named, once, where `dagster dev` serves the code."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from medallion_assets.orchestration.hosting.instance_settings import dev_yaml, missing, warn_in_dagster_dev
from medallion_assets.settings.looks import DEV_CLI
from medallion_assets_tests.services.processes import REPOSITORY

CODE_SERVER = ["dagster", "api", "grpc"]
EVERYTHING = ["at most 3 runs", "pools", "retries", "monitoring"]


@pytest.mark.parametrize("name", ["deploy/dagster.yaml", "deploy/dagster.dev.yaml", "dagster.yaml"])
def test_ours_lack_nothing(tmp_path: Path, name: str) -> None:
    """The last is what `dagster dev` finds that is typed in the repository."""
    (tmp_path / "dagster.yaml").symlink_to(REPOSITORY / name)
    assert missing(tmp_path) == []


@pytest.mark.parametrize(
    ("section", "value", "lacks"),
    [
        ("concurrency", {"runs": {"max_concurrent_runs": 10}, "pools": {"default_limit": 1, "granularity": "op"}}, [0]),
        ("concurrency", {"runs": {"max_concurrent_runs": 2}, "pools": {"default_limit": 1, "granularity": "op"}}, []),
        ("concurrency", {"runs": {"max_concurrent_runs": 3}, "pools": {"default_limit": 1}}, [1]),
        ("concurrency", None, [0, 1]),
        ("run_retries", {"enabled": False}, [2]),
        ("run_monitoring", {"enabled": False}, [3]),
        ("run_launcher", {"module": "dagster", "class": "DefaultRunLauncher"}, [3]),
    ],
)
def test_what_one_of_somebodys_own_lacks_is_named(tmp_path: Path, section: str, value: Any, lacks: list[int]) -> None:
    settings = yaml.safe_load(dev_yaml().read_text()) | {section: value}
    (tmp_path / "dagster.yaml").write_text(yaml.dump(settings))
    found = missing(tmp_path)
    assert len(found) == len(lacks)
    assert all(EVERYTHING[number] in text for number, text in zip(lacks, found, strict=True))


@pytest.mark.parametrize("content", [None, "", "- a list", "{"])
def test_one_that_is_missing_or_broken_lacks_all(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "dagster.yaml").write_text(content)
    assert len(missing(tmp_path)) == len(EVERYTHING)


@pytest.mark.parametrize("has_home", [True, False])
def test_the_code_server_of_dagster_dev_says_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has_home: bool
) -> None:
    """Without a home, the folder counts in which it was typed."""
    monkeypatch.setattr(sys, "argv", CODE_SERVER)
    monkeypatch.chdir(tmp_path)
    environment = {DEV_CLI: "1"} | ({"DAGSTER_HOME": str(tmp_path)} if has_home else {})
    warn_in_dagster_dev(environment)
    (record,) = caplog.records
    said = record.getMessage()
    assert record.levelno == logging.WARNING
    assert all(text in said for text in EVERYTHING)
    assert said.endswith(f"start `medallion dev`, which has all of it, or: ln -s {dev_yaml()} {tmp_path}/dagster.yaml")
    (tmp_path / "dagster.yaml").symlink_to(dev_yaml())
    caplog.clear()
    warn_in_dagster_dev(environment)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("argv", "environment"),
    [(CODE_SERVER, {}), (["dagster", "api", "execute_run"], {DEV_CLI: "1"}), (["pytest"], {DEV_CLI: "1"})],
)
def test_nobody_else_says_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    argv: list[str],
    environment: dict[str, str],
) -> None:
    """Neither a run of `dagster dev`, nor production."""
    monkeypatch.setattr(sys, "argv", argv)
    warn_in_dagster_dev(environment | {"DAGSTER_HOME": str(tmp_path)})
    assert caplog.records == []

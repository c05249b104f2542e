"""The code of a process has a name, and a run that was planned by other code is not carried out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.repository_definition import RepositoryLoadData
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.orchestration.runs import planned_code
from medallion_assets.orchestration.runs.planned_code import (
    CODE,
    IN_FLUX,
    OtherCodeError,
    expect_planned_by,
    loaded_code,
)
from medallion_assets.orchestration.runs.restart import JOINT_TAG, RESTARTS, plan_anew
from medallion_assets.settings import load_settings

SETTINGS = load_settings({"MEDALLION_PIPELINES": "named_shop.pipeline:SHOP"})
OURS, OTHER = "0123456789ab", "ba9876543210"
HERE = "medallion_assets"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of a user's package."""
    file = tmp_path / "named_shop" / "pipeline.py"
    file.parent.mkdir()
    (file.parent / "__init__.py").touch()
    file.write_text("PRICE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield file
    sys.modules.pop("named_shop", None)
    planned_code._package.cache_clear()


def later() -> float:
    """When a process began that was started after everything was written."""
    return sys.float_info.max


def name(began: Callable[[], float | None] = later) -> str:
    """That of the code which another process would load now."""
    planned_code._package.cache_clear()
    return loaded_code(SETTINGS, Catalog(), began)


def test_the_name_is_that_of_the_content(shop: Path) -> None:
    before = name()
    os.utime(shop, (1, 1))
    shop.write_text(shop.read_text())
    assert name() == before
    shop.write_text("PRICE = 2\n")
    assert name() != before


def test_the_code_of_a_process_is_what_it_has_imported(shop: Path) -> None:
    before = name()
    shop.write_text("PRICE = 2\n")
    assert loaded_code(SETTINGS, Catalog(), later) == before


def test_what_was_written_since_the_process_began_equals_nothing(shop: Path) -> None:
    found = name(lambda: shop.stat().st_ctime - 1)
    assert found.endswith(IN_FLUX)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(OtherCodeError):
        expect_planned_by(found, instance, planned(instance, found))
    assert not name(lambda: None).endswith(IN_FLUX)  # where nobody knows when that was


def test_what_was_written_before_the_clock_was_set_back_is_as_good(shop: Path) -> None:
    """By the hour for which it is later than now: otherwise no run would be carried out."""
    now = shop.stat().st_ctime - 3600
    planned_code._package.cache_clear()
    assert not loaded_code(SETTINGS, Catalog(), lambda: now - 1, lambda: now).endswith(IN_FLUX)


@dg.op
def nothing() -> None:
    """Nothing."""


@dg.job
def idle() -> None:
    """A run that is planned, and not carried out."""
    nothing()


def planned(instance: dg.DagsterInstance, code: str | None, tags: dict[str, str] | None = None) -> dg.DagsterRun:
    """A run whose plan has the name of some code."""
    kept = RepositoryLoadData(reconstruction_metadata={CODE: code}) if code else None
    module = LoadableTargetOrigin(module_name=HERE)
    repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(module, location_name=HERE), "repository")
    origin = RemoteJobOrigin(repository, idle.name)
    return instance.create_run_for_job(idle, repository_load_data=kept, tags=tags, remote_job_origin=origin)


def test_only_the_code_that_planned_a_run_carries_it_out() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        expect_planned_by(OURS, instance, planned(instance, OURS))
        with pytest.raises(OtherCodeError, match=f"expected: the code server's, {OTHER}; found: {OURS}; .*restart"):
            expect_planned_by(OURS, instance, planned(instance, OTHER))


def test_what_a_release_before_has_planned_is_carried_out() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        expect_planned_by(OURS, instance, planned(instance, None))
        assert not plan_anew(instance, planned(instance, None), serving(OURS))


# --- a run that waited while the code server was given other code


def serving(code: str | None) -> Any:
    """A workspace whose code server has this code; None: it has no name for it, as that of an earlier release."""
    metadata = {CODE: dg.MetadataValue.text(code)} if code else {}
    repository = SimpleNamespace(repository_snap=SimpleNamespace(metadata=metadata))
    location = SimpleNamespace(get_repositories=lambda: {"repository": repository})
    return SimpleNamespace(has_code_location=lambda name: name == HERE, get_code_location=lambda _: location)


@pytest.mark.parametrize("tags", [{}, {JOINT_TAG: "yes"}])
def test_it_is_planned_anew(tags: dict[str, str]) -> None:
    """One for several tables too: none of them has ended it."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = planned(instance, OURS, tags)
        assert plan_anew(instance, run, serving(OTHER))
        after = instance.get_run_by_id(run.run_id)
        assert after is not None
        assert (after.status, after.tags["dagster/max_retries"]) == (dg.DagsterRunStatus.FAILURE, "1")


def test_it_is_not_planned_anew_for_ever() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = planned(instance, OURS, {"dagster/retry_number": str(RESTARTS)})
        assert plan_anew(instance, run, serving(OTHER))
        after = instance.get_run_by_id(run.run_id)
        assert after is not None
        assert "dagster/max_retries" not in after.tags


@pytest.mark.parametrize("workspace", [serving(OURS), serving(None), None])
def test_it_is_started_where_its_code_server_has_that_code_or_nobody_knows(workspace: Any) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert not plan_anew(instance, planned(instance, OURS), workspace)

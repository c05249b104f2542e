"""A fork is refused for a run that would be another one in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from medallion_assets.orchestration.runs.forks.child import refusal_of
from medallion_assets.orchestration.runs.forks.messages import ForkRequest

if TYPE_CHECKING:
    from medallion_assets.orchestration.runs.forks.imported import Imported

HERE = {"MEDALLION_FIRST_DAY": "2025-01-01", "PATH": "/usr/bin", "INVOCATION_ID": "of the server"}
IMPORTED = cast("Imported", SimpleNamespace(module="shop.definitions", environment=HERE, variables={"POOL": "2"}))


def request(**fields: object) -> ForkRequest:
    usual = {
        "module": "shop.definitions",
        "executable": sys.executable,
        "folder": str(Path.cwd()),
        "umask": 0o22,
        "spill": "/spill",
    }
    there = {**HERE, "INVOCATION_ID": "of the daemon", "DAGSTER_EXECUTE_RUN_ARGS": "{}", "_RJEM_MALLOC_CONF": "a:1,b:2"}
    return ForkRequest(**{**usual, "environment": there, **fields})  # type: ignore[arg-type]


def test_what_differs_from_process_to_process_is_no_reason() -> None:
    assert refusal_of(request(), IMPORTED) is None


@pytest.mark.parametrize(("value", "is_same"), [("2", True), ("3", False)])
def test_a_variable_that_a_library_sets_is_the_same_where_the_launcher_has_it_too(value: str, is_same: bool) -> None:
    refusal = refusal_of(request(environment={**HERE, "POOL": value}), IMPORTED)
    assert (refusal is None) == is_same


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"module": "other.definitions"}, "the run's code is other.definitions"),
        ({"module": None}, "the run's code is no module"),
        ({"executable": "/usr/bin/python9"}, "the run's Python is /usr/bin/python9"),
        ({"folder": "/elsewhere"}, "the run is to work in /elsewhere"),
    ],
)
def test_another_place_or_code_is_refused(fields: dict[str, object], reason: str) -> None:
    refusal = refusal_of(request(**fields), IMPORTED)
    assert refusal is not None
    assert refusal.startswith(reason)


def test_a_setting_that_differs_is_refused_by_its_name_alone() -> None:
    """A value may be a secret. One that only one side has differs as well."""
    there = {"MEDALLION_FIRST_DAY": "2026-01-01", "PATH": "/usr/bin", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    assert refusal_of(request(environment=there), IMPORTED) == (
        "the run's environment differs from the fork server's in AWS_SECRET_ACCESS_KEY, MEDALLION_FIRST_DAY"
    )

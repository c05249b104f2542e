"""Health knows of a fork server that forks for whoever looks, and refuses the runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.orchestration.runs.forks.asking import NoForkError, expect_forks
from medallion_assets.orchestration.runs.forks.launches import NAME, Launches, keep, last, refused
from medallion_assets.orchestration.runs.forks.messages import NAME as SOCKET
from medallion_assets.orchestration.runs.forks.messages import listen


def test_runs_are_counted_as_long_as_they_are_launched_in_the_same_way(tmp_path: Path) -> None:
    for now, refusal in enumerate(["", "", "other settings", "other code", "other code"]):
        keep(tmp_path, refusal, now)
    assert last(tmp_path) == Launches(runs=3, refusal="other code", at=4)
    keep(tmp_path, "", 5)
    assert last(tmp_path) == Launches(runs=1, refusal="", at=5)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"runs": 1, "why": 2}'])
def test_a_file_that_cannot_be_read_says_nothing_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert last(tmp_path) is None
    keep(tmp_path, "", 1)
    assert last(tmp_path) == Launches(runs=1, refusal="", at=1)


def test_nothing_fails_where_it_cannot_be_written(tmp_path: Path) -> None:
    keep(tmp_path / "missing", "", 1)
    assert not (tmp_path / "missing").exists()


def test_runs_that_were_refused_in_a_row_by_this_fork_server_are_told(tmp_path: Path) -> None:
    listen(tmp_path).close()
    listens_since = (tmp_path / SOCKET).stat().st_mtime
    keep(tmp_path, "other settings", listens_since + 1)
    assert refused(tmp_path) is None
    keep(tmp_path, "other settings", listens_since + 2)
    found = refused(tmp_path)
    assert found is not None
    assert str(found).startswith("the last 2 runs were started, not forked; the last one at ")
    listen(tmp_path).close()
    keep(tmp_path, "other settings", listens_since - 1)
    assert refused(tmp_path) is None


def test_a_home_that_never_had_one_is_well_and_one_whose_fork_server_is_dead_is_not(tmp_path: Path) -> None:
    environment = {"DAGSTER_HOME": str(tmp_path)}
    assert expect_forks(environment) == (
        f"no fork server listens at {tmp_path}/{SOCKET}, and none ever did: runs are not forked"
    )
    listen(tmp_path).close()
    with pytest.raises(NoForkError, match=r"no fork server listens at .* any more; runs are not forked"):
        expect_forks(environment)

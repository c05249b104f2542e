"""A dagster.yaml of somebody's own stays; one that a release wrote gives way."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from medallion_assets.cli.dagster_home import link_dev_yaml
from medallion_assets.orchestration.hosting.instance_settings import dev_yaml
from medallion_assets_tests.services.processes import REPOSITORY

EARLIER = ("2daf237", "b86cf4d")
"""The commits whose dev copied its settings into the home."""

OF_A_DEMO = b"telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


def test_a_home_without_one_gets_that_of_this_release(tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    for _ in range(2):
        assert link_dev_yaml(home)
        assert (home / "dagster.yaml").read_bytes() == dev_yaml().read_bytes()


@pytest.mark.parametrize("content", [b"", OF_A_DEMO])
def test_what_an_earlier_release_wrote_gives_way(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dagster.yaml").write_bytes(content)
    assert link_dev_yaml(tmp_path)
    assert (tmp_path / "dagster.yaml").is_symlink()


@pytest.mark.parametrize("commit", EARLIER)
def test_the_copies_that_earlier_releases_made_are_known(tmp_path: Path, commit: str) -> None:
    shown = subprocess.run(
        ["git", "show", f"{commit}:deploy/dagster.dev.yaml"], cwd=REPOSITORY, capture_output=True, check=False
    )
    if shown.returncode:
        pytest.skip("the history of this repository is not here")
    (tmp_path / "dagster.yaml").write_bytes(shown.stdout)
    assert link_dev_yaml(tmp_path)


@pytest.mark.parametrize("content", [b"storage: {}\n", dev_yaml().read_bytes() + b"# changed\n"])
def test_one_of_somebodys_own_is_kept(tmp_path: Path, content: bytes) -> None:
    own = tmp_path / "dagster.yaml"
    own.write_bytes(content)
    assert not link_dev_yaml(tmp_path)
    assert own.read_bytes() == content


def test_a_link_of_somebodys_own_is_kept(tmp_path: Path) -> None:
    """Where it leads to nothing as well."""
    own = tmp_path / "dagster.yaml"
    own.symlink_to("/srv/dagster/dagster.yaml")
    assert not link_dev_yaml(tmp_path)
    assert str(own.readlink()) == "/srv/dagster/dagster.yaml"

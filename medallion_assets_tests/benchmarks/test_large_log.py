"""The logs of very many files that are measured are logs: tables that open, plan and commit."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from benchmarks.large_log import DAYS, LATER_COMMITS, TABLE, committed, main, prepare, touched
from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services import s3
from medallion_assets_tests.services.spark import spark_package


def test_a_server_that_is_missing_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(s3, "REPOSITORY", tmp_path)
    with pytest.raises(typer.BadParameter, match=r"run \.ci/services, or leave it out with --no-s3"):
        main()


@pytest.mark.slow
def test_a_checkpoint_names_as_many_files_as_it_is_told(tmp_path: Path) -> None:
    spark_package("pyarrow")
    prepare(tmp_path, 2 * DAYS)
    silver = Lakehouse(catalog=CATALOG, url=str(tmp_path)).open(TABLE)
    assert silver.files["path"].n_unique() == silver.files.height == 2 * DAYS
    assert silver.partition_files(touched()).height == 2 * len(touched())
    assert silver.version == 1 + LATER_COMMITS
    committed(str(tmp_path), {})
    assert Lakehouse(catalog=CATALOG, url=str(tmp_path)).open(TABLE).files.height == 2 * DAYS - len(touched())

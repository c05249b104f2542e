"""The suite over Spark where there is no Spark: skipped, with what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets_tests.services.processes import REPOSITORY


@pytest.mark.slow
def test_without_java_the_suite_over_spark_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """Or fails, where MEDALLION_REQUIRE names Spark."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-rs", "-p", "no:cacheprovider", "--engine", "spark"]
    environment = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "MEDALLION_REQUIRE")}
    environment["PATH"] = str(tmp_path)

    def run(**more: str) -> str:
        test = "medallion_assets_tests/refining/rebuilding/test_rebuild.py"
        return subprocess.run(
            [*command, test], cwd=REPOSITORY, env=environment | more, capture_output=True, text=True, check=False
        ).stdout

    said = run()
    assert ("skipped in" in said, "failed" in said, "passed" in said) == (True, False, False), said
    assert "MEDALLION_ENGINE is spark, and" in said
    assert "MEDALLION_REQUIRE names spark" in run(MEDALLION_REQUIRE="spark")

"""The lines of the README by which commands use the demo."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets_tests.cli.demo.conftest import Told
from medallion_assets_tests.services.processes import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]  # told once, for the demo on Spark too
STATUS = "medallion status"


def test_a_shell_that_follows_the_readme_sees_every_table_of_the_demo(told: Told, tmp_path: Path) -> None:
    """And they are the lines that the demo prints."""
    section = (REPOSITORY / "README.md").read_text().split("\n## Try it\n", 1)[1].split("\n## ", 1)[0]
    (written,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    written = written.replace(".medallion/demo", shlex.quote(str(told.settings.home)))
    exports = [line for line in written.splitlines() if line.startswith("export ")]
    assert [line for line in exports if line not in told.page] == []
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert written.endswith(f"\n{STATUS}\n")
    shell = ["env", "-i", "bash", "-c", written.replace(STATUS, f"{STATUS} --json")]
    answered = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False)
    tables = {stage["stage"] for stage in json.loads(answered.stdout)["stages"]}
    assert {"silver.customer_transactions", "gold.mart_revenue"} <= tables

"""The class archive: Java maps it, and starts without one that it cannot use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets.engines.spark import archive_classes
from medallion_assets.engines.spark.class_archive import making, using
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.errors import PermanentError

START = """
import sys
from pathlib import Path

from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.settings.spark import SparkSettings

print(list(SparkEngine(settings=SparkSettings(master="local[1]", classes=Path(sys.argv[1]))).run(len, ["abc"])))
"""


def test_without_an_archive_java_is_told_of_none(tmp_path: Path) -> None:
    assert using(tmp_path / "classes.jsa") == ""


def test_a_path_with_spaces_and_quotes_is_one_option(tmp_path: Path) -> None:
    archive = tmp_path / 'a "b" c.jsa'
    archive.touch()
    assert using(archive).startswith(f'"-XX:SharedArchiveFile={tmp_path}/a \\"b\\" c.jsa" ')
    assert making(Path("x.jsa")).startswith('"-XX:ArchiveClassesAtExit=x.jsa" ')


def test_sessions_map_the_archive(spark: SparkEngine, spark_classes: Path) -> None:
    java = session(spark.settings).sparkContext._gateway.proc  # type: ignore[union-attr]
    assert str(spark_classes) in Path(f"/proc/{java.pid}/maps").read_text()


@pytest.mark.parametrize(("code", "writes"), [(0, False), (1, True)])
def test_where_java_does_not_write_it_whole_the_old_one_stays(
    code: int, writes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(folder: Path, _: str) -> int:
        if writes:
            (folder / "classes.jsa").write_text("half of a new")
        return code

    monkeypatch.setattr(archive_classes, "_use_spark", ends)
    (archive := tmp_path / "classes.jsa").write_text("the old one")
    with pytest.raises(PermanentError, match=rf"no class archive; .*exit code {code}, .*: see that java is Java 17"):
        archive_classes.make_archive(archive)
    assert [(path, path.read_text()) for path in tmp_path.iterdir()] == [(archive, "the old one")]


@pytest.mark.usefixtures("spark_elsewhere")
def test_without_java_the_command_says_so_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", archive_classes.__name__]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "JAVA_HOME": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "found: no program" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("spark_elsewhere")
@pytest.mark.slow
def test_an_archive_that_java_cannot_use_is_passed_over_in_silence(tmp_path: Path) -> None:
    archive = tmp_path / "of another java.jsa"
    archive.write_bytes(b"no archive" * 1000)
    done = subprocess.run(
        [sys.executable, "-c", START, str(archive)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[3]"
    assert "archive" not in done.stdout + done.stderr

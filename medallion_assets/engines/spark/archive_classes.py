"""Makes the class archive: `make spark-classes`, or `python -m medallion_assets.engines.spark.archive_classes`.

Belongs here: a session that uses of Spark what our sessions use, and then writes what it has loaded.
Does not: finding the archive again (class_archive).
"""

# ruff: noqa: SLF001 - pyspark has no public way to the Java that it started

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import narwhals as nw
import polars as pl

from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.spark import class_archive
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import JAVA_OPTIONS, QUICK_JAVA, session
from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.spark import CLASSES, SparkSettings, spark_settings

WRITING_SECONDS = 300.0


def make_archive(archive: Path) -> None:
    """Write the archive of this machine's Java and Spark; one that is there is replaced once the new one is whole.

    Raises:
        SparkMissingError: Spark or Java is not installed.
        PermanentError: Java wrote none.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        part = Path(folder, "classes.jsa")
        code = _use_spark(Path(folder), f"{QUICK_JAVA} {class_archive.making(part)}")
        if code != 0 or not part.is_file():
            raise PermanentError(
                "Java wrote no class archive",
                expected=f"{part.name} in {archive.parent}, at the end of a session",
                found=f"Java's exit code {code}, and {'a' if part.is_file() else 'no'} file",
                do="see that java is Java 17 or newer and that the disk has 200 MB; sessions also start without it",
            )
        with part.open("rb") as written:
            os.fsync(written.fileno())  # no Java would start with a part of it
        part.replace(archive)


def _use_spark(folder: Path, java_options: str) -> int:
    """Items, a scan of files, and rows grouped: what any run asks of Spark. Java's exit code."""
    settings = SparkSettings(
        master="local[2]",
        conf={JAVA_OPTIONS: java_options},
        java_home=spark_settings(inherited_environment()).java_home,
    )
    engine = SparkEngine(settings=settings)
    rows = pl.DataFrame({"key": ["a", "b", "a"], "value": [1, 2, 3]})
    rows.write_parquet(folder / "rows.parquet")
    list(engine.run(len, ["one", "another"]))
    scanned = engine.scan(ParquetFiles(uri=str(folder), paths=("rows.parquet",), schema=rows.schema))
    engine.fetch(scanned.group_by("key").agg(nw.col("value").sum()))
    spark = session(settings)
    java = spark.sparkContext._gateway.proc
    spark.stop()
    java.stdin.close()  # at its end Java goes, and writes
    return int(java.wait(timeout=WRITING_SECONDS))


if __name__ == "__main__":
    try:
        make_archive(CLASSES)
    except MedallionError as error:
        sys.exit(str(error))

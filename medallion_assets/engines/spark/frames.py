"""Frames: data files of a table as a frame of Spark, and small frames of Spark as Polars' own.

Belongs here: types, places and names, as Spark has them.
Does not: items of work, or what is computed on frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from medallion_assets.engines.files import ParquetFiles
from medallion_assets.errors import PermanentError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TYPES: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Boolean: "boolean",
    pl.Int8: "tinyint",
    pl.Int16: "smallint",
    pl.Int32: "int",
    pl.Int64: "bigint",
    pl.Float32: "float",
    pl.Float64: "double",
    pl.Date: "date",
    pl.Binary: "binary",
}
NOT_THERE = ("PATH_NOT_FOUND", "FILE_NOT_EXIST", "FileNotFoundException")


def spark_type(kind: pl.DataType) -> str:
    """The type of a column, in Spark's words.

    Raises:
        PermanentError: Spark has none.
    """
    if isinstance(kind, pl.Decimal):
        return f"decimal({kind.precision},{kind.scale})"
    if isinstance(kind, pl.Datetime):
        return "timestamp" if kind.time_zone else "timestamp_ntz"
    if isinstance(kind, pl.List):
        return f"array<{spark_type(kind.inner)}>"  # type: ignore[arg-type]
    if isinstance(kind, pl.Struct):
        return f"struct<{', '.join(f'`{field.name}`: {spark_type(field.dtype)}' for field in kind.fields)}>"  # type: ignore[arg-type]
    if (name := TYPES.get(type(kind))) is None:
        expected = ", ".join(TYPES.values())
        raise PermanentError("a column has a type that Spark does not support", expected=expected, found=kind)
    return name


def read(spark: SparkSession, files: ParquetFiles) -> DataFrame:
    """The rows of data files; a column that a file lacks is null there.

    Raises:
        FileNotFoundError: a file is gone.
    """
    schema = ", ".join(f"`{name}` {spark_type(kind)}" for name, kind in files.schema.items())
    if not files.paths:
        return spark.createDataFrame([], schema)
    place = hadoop_place(files.uri)
    with missing_files():
        frame = (
            spark.read.schema(schema).option("basePath", place).parquet(*(f"{place}/{path}" for path in files.paths))
        )
    if files.only is not None:
        column, values = files.only
        frame = frame.filter(frame[column].isin(list(values)))
    return frame.select(*files.schema.names())


def collected(frame: DataFrame) -> pl.DataFrame:
    """All rows of a frame, here.

    Raises:
        FileNotFoundError: a file is gone.
    """
    with missing_files():
        rows = pl.from_arrow(frame.toArrow())
    assert isinstance(rows, pl.DataFrame)  # noqa: S101 - a table of Arrow is a frame
    return rows


@contextmanager
def missing_files() -> Iterator[None]:
    """Spark's errors about files that are not there, as Python has them."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        text = str(error)
        if any(name in text for name in NOT_THERE):
            raise FileNotFoundError(text.partition("\n")[0]) from error
        raise


def hadoop_place(uri: str) -> str:
    """A place in Spark's words: Hadoop's S3 client has a scheme of its own."""
    return f"s3a://{uri.removeprefix('s3://')}" if uri.startswith("s3://") else f"file://{uri}"

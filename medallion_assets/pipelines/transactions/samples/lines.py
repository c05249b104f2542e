"""Lines: frames of sample rows as the records of an export, whole columns at a time.

Belongs here: what a sample table's items look like in DynamoDB JSON, and how some of them are spoilt.
Does not: which rows there are; files and manifests.

Values are written without escaping: the generators draw from texts that need none.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.pipelines.randomness import below, uniform
from medallion_assets.sources.dynamodb_export.record import attributes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTable:
    """How rows of a sample table are written.

    `attributes` are (name, DynamoDB type), each from the text column of that name. `spoilt` are the ways in which a row
    can be bad: an attribute and what stands in its place, None for nothing at all.
    """

    name: str
    key: str
    attributes: tuple[tuple[str, str], ...]
    spoilt: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, contract: Table, *, spoilt: tuple[tuple[str, str | None], ...]) -> SampleTable:
        """The sample of a table with one key, whose items have the attributes that its contract reads."""
        attributes = tuple((attribute.source, attribute.variant) for attribute in attributes_of(contract))
        return cls(name=contract.short_name, key=contract.key[0], attributes=attributes, spoilt=spoilt)


def spoil(rows: pl.DataFrame, table: SampleTable, *, share: float, seed: int, stream: str) -> pl.DataFrame:
    """The rows with a column `spoilt`: for a `share` (0 to 1) of them one of the table's ways to be bad, else null."""
    index = pl.col("index")
    way = below(uniform(index, seed, f"{stream}, way"), len(table.spoilt))
    return rows.with_columns(spoilt=pl.when(uniform(index, seed, f"{stream}, spoilt") < share).then(way))


def full_lines(rows: pl.DataFrame, table: SampleTable) -> pl.Series:
    """A line for each row, as a full export has them; `rows` come from `spoil`."""
    return rows.select(line=pl.concat_str(pl.lit('{"Item":'), _image(table, spoilt=True), pl.lit("}"))).to_series()


def incremental_lines(rows: pl.DataFrame, table: SampleTable) -> pl.Series:
    """A line for each row, as an incremental export of new and old images has them.

    `rows` come from `spoil` and have `written_micros`, `change` (insert, update, delete) and, for attributes that
    changed, `old_<attribute>`.
    """
    change = pl.col("change")
    old = frozenset(name.removeprefix("old_") for name in rows.columns if name.startswith("old_"))
    line = pl.concat_str(
        pl.lit('{"Metadata":{"WriteTimestampMicros":{"N":"'),
        pl.col("written_micros").cast(pl.String),
        pl.lit(f'"}}}},"Keys":{{"{table.key}":{{"S":"'),
        pl.col(table.key),
        pl.lit('"}}'),
        pl.when(change != "insert").then(pl.concat_str(pl.lit(',"OldImage":'), _image(table, old=old))),
        pl.when(change != "delete").then(pl.concat_str(pl.lit(',"NewImage":'), _image(table, spoilt=True))),
        pl.lit("}"),
        ignore_nulls=True,
    )
    return rows.select(line=line).to_series()


def _image(table: SampleTable, *, spoilt: bool = False, old: frozenset[str] = frozenset()) -> pl.Expr:
    attributes = [_attribute(table, name, kind, spoilt, old) for name, kind in table.attributes]
    return pl.concat_str(
        pl.lit("{"), pl.concat_str(attributes, separator=",", ignore_nulls=True), pl.lit("}"), ignore_nulls=True
    )


def _attribute(table: SampleTable, name: str, kind: str, spoilt: bool, old: frozenset[str]) -> pl.Expr:
    value = pl.col(f"old_{name}" if name in old else name)
    attribute = pl.concat_str(pl.lit(f'"{name}":{{"{kind}":"'), value, pl.lit('"}'))
    if spoilt:
        for way, (spoilt_name, instead) in enumerate(table.spoilt):
            if spoilt_name == name:
                replaced = pl.lit(None if instead is None else f'"{name}":{instead}', dtype=pl.String)
                attribute = pl.when(pl.col("spoilt").eq_missing(way)).then(replaced).otherwise(attribute)
    return attribute

"""Templates: lines that are alike but for their strings, read by taking these out.

Belongs here: learning templates from a sample of lines, and finding the lines that are a template filled in.
Does not: what a line means: it is asked once for each template.

Why no proof of a row is needed. A template is a valid record with holes, each a whole string that ends an object. A
line is read by it if it is this template with other strings in the holes, byte for byte, and these strings have no
character that JSON would have escaped. Then it is a valid record too, and says what the template says, with its own
strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, SEQUENCE_TEXT, UNKNOWN_ATTRIBUTES, VERDICT
from medallion_assets.contracts.source import wrong
from medallion_assets.contracts.texts import any_has
from medallion_assets.sources.dynamodb_export.record import IS_FULL, Attribute, Record, RecordReader

MOST_TEMPLATES = 8
LEAST_SHARE = 0.8
"""Of the sample's lines: where the most frequent templates are of fewer, looking for them costs more than it spares."""

END = '"}'
"""What ends a hole, and nothing else in a line: a string that is the last of its object."""
MARK = "\x7f"
"""Stands around the number of a hole where a template is read; JSON allows it in strings only."""
_ESCAPED = b'"\\' + bytes(range(0x20))
"""What JSON has in a string as an escape, and what begins one."""
ESCAPED_PATTERN = r'["\\\x00-\x1f]'


@dataclass(frozen=True, slots=True)
class Template:
    """A line whose holes are cut out: `before` each of them, and after the last. `record` says what stands in which."""

    before: tuple[str, ...]
    after: str
    record: Record

    @property
    def holes(self) -> int:
        """How many strings are cut out."""
        return len(self.before)

    def fits(self) -> pl.Expr:
        """Which lines, cut at each `END`, are this template, whatever stands in its holes."""
        parts = (pl.col(_part(n)).str.starts_with(text) for n, text in enumerate(self.before))
        is_end = (pl.col(_part(self.holes)) == self.after) & pl.col(_part(self.holes + 1)).is_null()
        return pl.all_horizontal(is_end, *parts).fill_null(value=False)

    def strings(self) -> list[pl.Expr]:
        """What stands in the holes of lines that fit."""
        return [pl.col(_part(n)).str.slice(len(text)) for n, text in enumerate(self.before)]

    def columns(self, attributes: Sequence[Attribute]) -> list[pl.Expr]:
        """What a line says (`lines.LineReader.read`), from its strings."""
        record = self.record
        columns = [
            pl.lit(None, pl.String).alias(VERDICT),
            pl.lit(record.is_full).alias(IS_FULL),
            pl.lit(record.is_delete).alias(IS_DELETE),
            _filled(record.sequence).alias(SEQUENCE_TEXT),
            pl.lit(pl.Series([record.unknown], dtype=pl.List(pl.String))).first().alias(UNKNOWN_ATTRIBUTES),
        ]
        for attribute, value, is_wrong in zip(attributes, record.values, record.wrong, strict=True):
            columns += [_filled(value).alias(attribute.column), pl.lit(is_wrong).alias(wrong(attribute.column))]
        return columns


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of most lines of a sample."""

    templates: Sequence[Template]
    attributes: Sequence[Attribute]

    @classmethod
    def learnt(cls, lines: Sequence[str], attributes: Sequence[Attribute]) -> Self:
        """Those of a sample of lines, the most frequent ones first."""
        exact = RecordReader(attributes)
        frequent = Counter(filter(None, map(_cut, lines))).most_common(MOST_TEMPLATES)
        if sum(count for _, count in frequent) < LEAST_SHARE * len(lines):
            return cls([], attributes)
        templates = [_template(before, after, exact) for (before, after), count in frequent if count > 1]
        return cls(list(filter(None, templates)), attributes)

    def read(self, rows: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
        """What `rows` (`_row`, `_line`) say whose line is a template filled in, and the other rows."""
        if not self.templates:
            return [], rows
        most = max(template.holes for template in self.templates)
        cut = rows.select(pl.col("_line").str.split_exact(END, most + 1)).unnest("_line")
        cut = cut.rename(dict(zip(cut.columns, map(_part, range(most + 2)), strict=True)))
        cut.insert_column(0, rows["_row"])
        parts = []
        for template in self.templates:
            found = cut.filter(template.fits()).select("_row", *template.strings())
            if odd := with_escapes(found.drop("_row")):
                found = found.filter(~pl.any_horizontal(pl.col(odd).str.contains(ESCAPED_PATTERN)))
            parts.append(found.select("_row", *template.columns(self.attributes)))
        read = pl.concat([part["_row"] for part in parts])
        return parts, rows.filter(~rows["_row"].is_in(read.implode()))


def _part(number: int) -> str:
    return f"part {number}"


def _filled(value: str | None) -> pl.Expr:
    """A value of a template: the string in a hole, or what all lines say."""
    if value is not None and value.startswith(MARK):
        return pl.col(_part(int(value.strip(MARK))))
    return pl.lit(value, pl.String)


def _cut(line: str) -> tuple[tuple[str, ...], str] | None:
    """A line without the strings that end an object: the texts before each, and the one after the last."""
    *parts, after = line.split(END)
    before = tuple(part[: part.rfind('"') + 1] for part in parts)
    return (before, after) if all(before) and before and "\\" not in line and MARK not in line else None


def _template(before: tuple[str, ...], after: str, exact: RecordReader) -> Template | None:
    marks = [f"{MARK}{n}{MARK}" for n in range(len(before))]
    record = exact.read("".join(f"{text}{mark}{END}" for text, mark in zip(before, marks, strict=True)) + after)
    return Template(before, after, record) if record.verdict is None else None


def with_escapes(strings: pl.DataFrame) -> list[str]:
    """The columns with a string that JSON would have escaped."""
    return [column.name for column in strings if any_has(column, _ESCAPED)]

"""Any order: items whose attributes are strings and numbers, in whatever order and however many of them are missing.

Belongs here: learning the attributes from a sample of lines, and finding the lines that are made of nothing else.
Does not: items that are alike, changes, and what an attribute means: it is asked once for each attribute.

Why no proof of a row is needed. A line is read here if it is, byte for byte, an item of known members in the compact
form that DynamoDB writes, each member once, with strings that JSON holds as they are. Then it is valid JSON, and says
what each of its members says alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise
from typing import Self

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, SEQUENCE_TEXT, UNKNOWN_ATTRIBUTES, VERDICT
from medallion_assets.contracts.reasons import listed
from medallion_assets.contracts.source import wrong
from medallion_assets.sources.dynamodb_export.record import IS_FULL, Attribute, Record, RecordReader
from medallion_assets.sources.dynamodb_export.templates import END, ESCAPED_PATTERN, LEAST_SHARE, MARK, with_escapes

MOST_MEMBERS = 40
"""A line is cut into as many parts; up to here that takes less time than the decoder."""

_HEAD = '{"Item":{'
_TAIL = "}}"
_MEMBER = re.compile(r'"([^"\\\x00-\x1f\x7f]*)":\{"[^"\\\x00-\x1f\x7f]*":"')
"""A member of an item up to its string: `"name":{"S":"`."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An attribute of one type: its spelling up to the string, and what an item says that has nothing else."""

    spelled: str
    record: Record


@dataclass(frozen=True, slots=True)
class AnyOrder:
    """The members of most lines of a sample; none where most lines have others."""

    members: Sequence[_Member]
    attributes: Sequence[Attribute]

    @classmethod
    def learnt(cls, lines: Sequence[str], attributes: Sequence[Attribute]) -> Self:
        """Those of a sample of lines; of an attribute that has several types, the most frequent one."""
        exact, members = RecordReader(attributes), dict[str, _Member]()
        of_lines = [some for line in lines if (some := _members(line))]
        for spelled, _ in Counter(chain.from_iterable(of_lines)).most_common():
            record = exact.read(f"{_HEAD}{spelled}{MARK}{END}{_TAIL}")
            members.setdefault(spelled.split('"')[1], _Member(spelled, record))
        known = {member.spelled for member in members.values()}
        read = sum(known.issuperset(some) for some in of_lines)
        is_worth_it = len(known) <= MOST_MEMBERS and read >= LEAST_SHARE * len(lines)
        return cls(list(members.values()) if is_worth_it else [], attributes)

    def read(self, rows: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
        """What `rows` (`_row`, `_line`) say that are made of the members alone, and the other rows."""
        if not self.members:
            return [], rows
        cut = rows.select(pl.col("_line").str.split_exact(END, len(self.members) + 1)).unnest("_line")
        strings = _strings(cut, [member.spelled for member in self.members])
        fits = _fits(cut, strings)
        at = fits.arg_true()
        found = pl.DataFrame({"_row": rows["_row"][at]}).with_columns(
            some["string"].gather(_index(some, rows.height)[at]).alias(member.spelled)
            for member, some in zip(self.members, strings, strict=True)
        )
        return [found.select(*self._columns(found))], rows.filter(~fits)

    def _columns(self, found: pl.DataFrame) -> list[pl.Expr | pl.Series]:
        """What lines say (`lines.LineReader.read`), from the strings of their members."""
        unknown = {member.record.unknown[0]: member for member in self.members if member.record.unknown}
        names = sorted(unknown)
        is_there = found.select(pl.col(unknown[name].spelled).is_not_null() for name in names)
        columns: list[pl.Expr | pl.Series] = [
            pl.col("_row"),
            pl.lit(None, pl.String).alias(VERDICT),
            pl.lit(value=True).alias(IS_FULL),
            pl.lit(value=False).alias(IS_DELETE),
            pl.lit(None, pl.String).alias(SEQUENCE_TEXT),
            listed(is_there, names, height=found.height).alias(UNKNOWN_ATTRIBUTES),
        ]
        for number, attribute in enumerate(self.attributes):
            strings = [pl.col(member.spelled) for member in self.members if member.record.values[number] is not None]
            others = [pl.col(member.spelled) for member in self.members if member.record.wrong[number]]
            columns += [
                pl.coalesce(*strings, pl.lit(None, pl.String)).alias(attribute.column),
                pl.any_horizontal(pl.lit(value=False), *(other.is_not_null() for other in others)).alias(
                    wrong(attribute.column)
                ),
            ]
        return columns


def _members(line: str) -> list[str]:
    """The members of a line that has nothing else, each up to its string; none where it has."""
    *parts, after = line.split(END)
    if after != _TAIL or not parts or not parts[0].startswith(_HEAD):
        return []
    texts = [parts[0].removeprefix(_HEAD), *(part.removeprefix(",") for part in parts[1:])]
    found = [_MEMBER.match(text) for text in texts]
    return [match.group() for match in found if match] if all(found) else []


def _strings(cut: pl.DataFrame, members: Sequence[str]) -> list[pl.DataFrame]:
    """For each member the rows that have it by their number, `at`, with its `string`, whatever the place in the line.

    All places are looked at together, first for as much of a member as tells it from the others.
    """
    width = next(width for width in count(1) if len({member[:width] for member in members}) == len(members))
    starts = pl.Enum([member[:width] for member in members])
    places = [(part, len(_HEAD) if number == 0 else len(",")) for number, part in enumerate(cut)]
    texts = pl.concat([part.str.slice(lead).alias("string") for part, lead in places], rechunk=True)
    which = pl.concat(
        [part.str.slice(lead, width).alias("").cast(starts, strict=False).to_physical() for part, lead in places]
    )
    strings = []
    for number, member in enumerate(members):
        at = (which == number).arg_true()
        found = pl.DataFrame({"at": at % cut.height, "string": texts.gather(at)})
        found = found.filter(pl.col("string").str.starts_with(member))
        strings.append(found.with_columns(pl.col("string").str.slice(len(member))))
    return strings


def _fits(cut: pl.DataFrame, strings: Sequence[pl.DataFrame]) -> pl.Series:
    """Which rows are members, each once, with their strings as they are, and the tail behind them.

    The last column of `cut` is there for lines of more parts than these can have.
    """
    first, *others = cut.columns
    ends = ((pl.col(name) == _TAIL) & pl.col(after).is_null() for name, after in pairwise(others))
    parts = cut.select(
        pl.sum_horizontal(pl.col(others).is_not_null()).alias("others"),
        pl.sum_horizontal(pl.col(others).str.starts_with(",")).alias("after_commas"),
        pl.col(first).str.starts_with(_HEAD).alias("has_head"),
        pl.any_horizontal(ends).alias("has_tail"),
    )
    members = pl.repeat(0, cut.height, dtype=pl.UInt32, eager=True)
    for some in strings:
        has_escapes = with_escapes(some.select("string"))
        plain = some.filter(~pl.col("string").str.contains(ESCAPED_PATTERN)) if has_escapes else some
        members += pl.repeat(0, cut.height, dtype=pl.UInt32, eager=True).scatter(plain["at"], 1)
    is_item = (
        pl.col("has_head", "has_tail"),
        pl.col("others") == members,
        pl.col("after_commas") == members - 1,
    )
    return parts.select(pl.all_horizontal(*is_item).fill_null(value=False)).to_series()


def _index(strings: pl.DataFrame, height: int) -> pl.Series:
    """For each row where its string is; null where it has none."""
    none = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
    return none.scatter(strings["at"], pl.int_range(strings.height, dtype=pl.UInt32, eager=True))

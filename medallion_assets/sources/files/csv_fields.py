"""CSV fields: where a record's fields begin and end, for one delimiter, and many records as columns of text.

Belongs here: the grammar of quotes (RFC 4180; a quote within a field that does not begin with one is a character).
Does not: cutting a file into records, or what a field means.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl


@dataclass(frozen=True)
class Fields:
    """The grammar for one delimiter."""

    delimiter: str

    @cached_property
    def _other(self) -> str:
        """A character class: what is neither a quote nor the delimiter."""
        return f'[^"{re.escape(self.delimiter)}]'

    @cached_property
    def _rest(self) -> str:
        """What may follow a closed quote, or be a field without quotes."""
        return f"{self._other}[^{re.escape(self.delimiter)}]*"

    @cached_property
    def _field(self) -> str:
        return f'(?:"(?:[^"]|"")*"(?:{self._rest})?|{self._rest}|)'

    @cached_property
    def quoted(self) -> str:
        """A quoted field, or the part of one up to its last quote."""
        return '"(?:[^"]|"")*"'

    @cached_property
    def _begun_outside(self) -> str:
        return f"(?s)^{self._field}(?:{re.escape(self.delimiter)}{self._field})*$"

    @cached_property
    def _begun_inside(self) -> str:
        return f'(?s)^(?:[^"]|"")*"(?:{self._rest})?(?:{re.escape(self.delimiter)}{self._field})*$'

    def is_strict(self, records: pl.Series, count: int) -> pl.Series:
        """Records of which a reader of RFC 4180 makes the same fields, `count` of them: nearly all that have quotes."""
        plain = f'[^"{re.escape(self.delimiter)}]*'
        strict = f"(?:{self.quoted}|{plain})"
        return records.str.contains(f"(?s)^{strict}(?:{re.escape(self.delimiter)}{strict}){{{count - 1}}}$")

    def ends_of_records(self, lines: pl.Series) -> pl.Series:
        """Which of some lines end a record; the first one begins one."""
        has_quotes = lines.str.contains('"', literal=True)
        few = lines.filter(has_quotes)
        if few.str.contains(self._begun_outside).all() and has_quotes.sum() == few.len():
            return pl.repeat(value=True, n=lines.len(), dtype=pl.Boolean, eager=True)
        # Of each line: does it end outside of quotes if it began outside, and if it began inside?
        outside, inside = (
            pl.repeat(value, n=lines.len(), dtype=pl.Boolean, eager=True).scatter(
                has_quotes.arg_true(), few.str.contains(pattern)
            )
            for value, pattern in ((True, self._begun_outside), (False, self._begun_inside))
        )
        # Where both are alike the line says it; where they differ it either leaves things as they are, or turns them.
        says, turns = outside == inside, ~outside & inside
        turned = turns.cast(pl.UInt32).cum_sum()
        known = pl.DataFrame({"says": says, "outside": outside, "turned": turned}).select(
            pl.when("says").then("outside").forward_fill().fill_null(value=True).alias("is_outside"),
            pl.when("says").then("turned").forward_fill().fill_null(0).alias("turned_then"),
        )
        flips = (turned - known["turned_then"]) % 2 == 1
        return known["is_outside"] ^ flips

    def counts(self, records: pl.Series) -> pl.Series:
        """How many fields each record has."""
        has_quotes = records.str.contains('"', literal=True)
        text = records
        if has_quotes.any():
            # A quoted field at the beginning, or after a delimiter, has no delimiter that counts.
            begins = f"(?s)(^|{re.escape(self.delimiter)}){self.quoted}"
            shorter = records.filter(has_quotes).str.replace_all(begins, "${1}")
            text = records.clone().scatter(has_quotes.arg_true(), shorter)  # scatter writes in place
        return text.str.count_matches(self.delimiter, literal=True) + 1

    def columns(self, records: pl.Series, count: int) -> pl.DataFrame:
        """The fields of records that have `count` of them each: columns named 0, 1, ...; an empty text stays one."""
        names = [str(number) for number in range(count)]
        has_quotes = records.str.contains('"', literal=True)
        if not has_quotes.any():
            return self._plain(records, names)
        plain, quoted = records.filter(~has_quotes), records.filter(has_quotes)
        strict, row = self.is_strict(quoted, count), has_quotes.arg_true()
        parts = [
            self._plain(plain, names).with_columns((~has_quotes).arg_true().alias("_row")),
            self._read(quoted.filter(strict), names).with_columns(row.filter(strict).alias("_row")),
            self._exact(quoted.filter(~strict), names).with_columns(row.filter(~strict).alias("_row")),
        ]
        return pl.concat(parts).sort("_row").drop("_row")

    def of(self, record: str) -> list[str]:
        """The fields of one record."""
        if '"' not in record:
            return record.split(self.delimiter)
        fields = re.findall(f"(?s)(?:^|{re.escape(self.delimiter)})({self._field})", record)
        return [_unquoted(text) for text in fields]

    def is_malformed(self, records: pl.Series) -> pl.Series:
        """Records in which something follows a closed quote."""
        after = f"(?s)(?:^|{re.escape(self.delimiter)}){self.quoted}{self._other}"
        return records.str.contains(after)

    def _plain(self, records: pl.Series, names: list[str]) -> pl.DataFrame:
        if len(names) == 1:
            return records.alias(names[0]).to_frame()
        fields = records.str.split_exact(self.delimiter, len(names) - 1)
        return fields.struct.rename_fields(names).struct.unnest()

    def _read(self, records: pl.Series, names: list[str]) -> pl.DataFrame:
        schema = dict.fromkeys(names, pl.String)
        if not records.len():
            return pl.DataFrame(schema=schema)
        text = records.str.join("\n")[0].encode()
        read = pl.read_csv(
            io.BytesIO(text),
            has_header=False,
            schema=schema,
            separator=self.delimiter,
            truncate_ragged_lines=True,
        )
        return read if read.height == records.len() else self._exact(records, names)

    def _exact(self, records: pl.Series, names: list[str]) -> pl.DataFrame:
        missing = [""] * len(names)
        rows = [[*self.of(record), *missing][: len(names)] for record in records]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    end = text.rindex('"')
    return text[1:end].replace('""', '"') + text[end + 1 :]

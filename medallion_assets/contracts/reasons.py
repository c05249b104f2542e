"""Lists of names, one a row, made for the few rows that have any: reasons, warnings, unknown attributes (Polars).

Belongs here: building such columns without paying for the rows that have nothing to list.
Does not: deciding what is listed.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

LIST = pl.List(pl.String())


def listed(flags: pl.DataFrame, names: Sequence[str | None], *, height: int) -> pl.Series:
    """For each row the names of the flags that are set, in the order of the columns; an empty list where none is.

    `flags` has one Boolean column, without nulls, for each of `names`. `height` is for when there are none.
    """
    is_set = flags.select(pl.any_horizontal(pl.all())).to_series() if names else None
    if is_set is None or not is_set.any():
        return pl.Series([[]], dtype=LIST).new_from_index(0, height)
    few = flags.filter(is_set)
    patterns = few.unique()
    lists = [[name for name, flag in zip(names, row, strict=True) if flag] for row in patterns.iter_rows()]
    of_pattern = patterns.with_columns(pl.Series("", lists, dtype=LIST))
    return spread(few.join(of_pattern, on=flags.columns, how="left", maintain_order="left")[""], is_set)


def spread(lists: pl.Series, where: pl.Series) -> pl.Series:
    """A column as high as `where`, with the next of `lists` where it is true and an empty list elsewhere."""
    place = where.cast(pl.UInt32)
    return pl.concat([pl.Series(lists.name, [[]], dtype=LIST), lists], rechunk=True)[place.cum_sum() * place]


def appended(lists: pl.Series, more: pl.Series) -> pl.Series:
    """The lists, each with the list of the same row in `more` behind it."""
    grows = more.list.len() > 0
    if not grows.any():
        return lists
    grown = pl.select(pl.concat_list(lists.filter(grows), more.filter(grows)).alias(lists.name)).to_series()
    # Row n stays where it is, or moves to the next of the grown ones behind all that were there.
    place = grows.cast(pl.UInt32)
    places = pl.int_range(lists.len(), dtype=pl.UInt32, eager=True).zip_with(~grows, place.cum_sum() + lists.len() - 1)
    return pl.concat([lists, grown], rechunk=True)[places]

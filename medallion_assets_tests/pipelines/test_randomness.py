"""Draws depend on seed, stream and index only, and are spread as they should be."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

from medallion_assets.pipelines.randomness import below, choose, normal, one_of, uniform

INDEX = pl.col("index")
MANY = pl.int_range(20_000, dtype=pl.UInt64, eager=True).to_frame("index")


def splitmix64(state: int) -> int:
    """SplitMix64's output function in plain integers."""
    mask = (1 << 64) - 1
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & mask
    return state ^ (state >> 31)


def test_draws_are_those_of_splitmix64() -> None:
    """Whole columns wrap around as 64-bit integers do, on every machine."""
    salt = int.from_bytes(hashlib.blake2b(b"7|stream", digest_size=8).digest())
    drawn = MANY.head(5).select(uniform(INDEX, 7, "stream")).to_series().to_list()
    states = [(index * 0x9E3779B97F4A7C15 + salt) % (1 << 64) for index in range(5)]
    assert drawn == [(splitmix64(state) >> 11) * 2.0**-53 for state in states]


def test_a_draw_does_not_depend_on_the_rows_around_it() -> None:
    whole = MANY.select(uniform(INDEX, 1, "a")).to_series()
    assert MANY[500:600].select(uniform(INDEX, 1, "a")).to_series().equals(whole[500:600])


def test_seeds_and_streams_are_independent() -> None:
    drawn = MANY.select(a=uniform(INDEX, 1, "a"), b=uniform(INDEX, 1, "b"), c=uniform(INDEX, 2, "a"))
    assert abs(drawn.select(pl.corr("a", "b")).item()) < 0.03
    assert abs(drawn.select(pl.corr("a", "c")).item()) < 0.03


def test_normal_numbers_have_mean_0_and_deviation_1() -> None:
    drawn = MANY.select(normal(INDEX, 1, "a")).to_series()
    assert drawn.mean() == pytest.approx(0, abs=0.03)
    assert drawn.std() == pytest.approx(1, abs=0.03)


def test_names_are_chosen_as_often_as_their_weights_say() -> None:
    weights = {"often": 6.0, "seldom": 1.0, "sometimes": 3.0}
    counts = MANY.select(name=choose(uniform(INDEX, 1, "a"), weights))["name"].value_counts(normalize=True)
    shares = dict(counts.iter_rows())
    assert shares == pytest.approx({"often": 0.6, "seldom": 0.1, "sometimes": 0.3}, abs=0.02)


def test_each_of_some_names_is_drawn_as_often() -> None:
    names = ("Ana", "Ben", "Eva")
    counts = MANY.select(name=one_of(uniform(INDEX, 1, "a"), names))["name"].value_counts(normalize=True)
    assert dict(counts.iter_rows()) == pytest.approx(dict.fromkeys(names, 1 / 3), abs=0.02)


def test_whole_numbers_stay_below_their_count() -> None:
    drawn = MANY.select(below(uniform(INDEX, 1, "a"), 3)).to_series()
    assert sorted(drawn.unique()) == [0, 1, 2]

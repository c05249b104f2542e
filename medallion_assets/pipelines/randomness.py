"""Seeded randomness on whole columns: the same seed gives the same rows, whatever the machine and the library versions.

Belongs here: numbers drawn by (seed, stream, row index), and choices made with them.
Does not: what is drawn (the tables of samples).
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence

import polars as pl

# The constants of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
_GAMMA = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def uniform(index: pl.Expr, seed: int, stream: str) -> pl.Expr:
    """A float in [0, 1) for each row index; independent for each stream."""
    salt = int.from_bytes(hashlib.blake2b(f"{seed}|{stream}".encode(), digest_size=8).digest())
    bits = index.cast(pl.UInt64) * _u64(_GAMMA) + _u64(salt)
    bits = (bits ^ (bits // _u64(1 << 30))) * _u64(_MIX_1)
    bits = (bits ^ (bits // _u64(1 << 27))) * _u64(_MIX_2)
    bits = bits ^ (bits // _u64(1 << 31))
    return (bits // _u64(1 << 11)).cast(pl.Float64) * 2.0**-53


def normal(index: pl.Expr, seed: int, stream: str) -> pl.Expr:
    """A standard normal number for each row index (Box-Muller)."""
    radius = (-2 * (1 - uniform(index, seed, f"{stream}, radius")).log()).sqrt()
    return radius * (2 * math.pi * uniform(index, seed, f"{stream}, angle")).cos()


def choose(drawn: pl.Expr, weights: Mapping[str, float]) -> pl.Expr:
    """One of the names for each uniform number, as often as its weight says; `weights` need not sum to 1."""
    total = sum(weights.values())
    names = list(weights)
    chosen = pl.lit(names[-1])
    edge = total
    for name, following in reversed(list(itertools.pairwise(names))):
        edge -= weights[following]
        chosen = pl.when(drawn < edge / total).then(pl.lit(name)).otherwise(chosen)
    return chosen


def one_of(drawn: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """One of the names for each uniform number, each as often."""
    return pl.lit(pl.Series(names)).gather(below(drawn, len(names)))


def below(drawn: pl.Expr, count: pl.Expr | int) -> pl.Expr:
    """A whole number from 0 to count - 1 for each uniform number."""
    return (drawn * count).floor().cast(pl.UInt64)


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)

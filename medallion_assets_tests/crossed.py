"""Lists of cases for parametrize, of which few are quick, and two such lists, each with each.

Belongs here: which of the cases are quick. Does not: the cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def first_quick(first: Any, *others: Any) -> list[Any]:
    """Every case of one name; all but the first are slow."""
    return [first, *map(_slow, others)]


def _slow(case: Any) -> Any:
    """The same case, slow; one that `pytest.param` made stays what it is besides."""
    if isinstance(case, ParameterSet):
        return pytest.param(*case.values, marks=(*case.marks, pytest.mark.slow), id=case.id)
    return pytest.param(case, marks=pytest.mark.slow)


def crossed(ones: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Every pair, for parametrize: quick are those that hold the first case of either list, so every case is tried."""
    first, *ones = ones
    other_first, *others = others
    return [
        *(pytest.param(value, other_first) for value in (first, *ones)),
        *(pytest.param(first, other) for other in others),
        *(pytest.param(value, other, marks=pytest.mark.slow) for value in ones for other in others),
    ]

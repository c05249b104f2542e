"""The Polars engine keeps what the protocol promises, and its bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Answer, Bounds, PutAside, groups_of, in_groups
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.faults.scenario import AT, EXPORTS, HOUR, run
from medallion_assets_tests.oracle.lines import customer, full, item_line
from medallion_assets_tests.oracle.model import CUSTOMERS


@pytest.mark.parametrize(
    ("shares", "groups"), [([(0, 5)], 1), ([(5, 5)], 1), ([(6, 5)], 2), ([(6, 5), (90, 9)], 10), ([(2, 5), (0, 1)], 1)]
)
def test_something_is_cut_into_so_many_groups(shares: list[tuple[int, int]], groups: int) -> None:
    """As many as the scarcest share asks for; one at least."""
    assert groups_of(*shares) == groups


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([1, 2, 3], [[1, 2], [3]]),
        ([1, 5, 1, 1], [[1], [5], [1, 1]]),
        ([5, 5], [[5], [5]]),
        ([1, 4], [[1, 4]]),
        ([], []),
    ],
)
def test_what_is_large_is_a_group_of_its_own(sizes: list[int], groups: list[list[int]]) -> None:
    """The others are together until there are so many."""
    assert list(in_groups(sizes, lambda size: size, 3, alone=4)) == groups


def lines_of(folder: Path, count: int) -> ParquetFiles:
    """Some lines in two files, or no file."""
    for number in range(2):
        pl.DataFrame({"raw": [f"{number}-{line}" for line in range(count // 2)]}).write_parquet(
            folder / f"{number}.parquet"
        )
    paths = ("0.parquet", "1.parquet") if count else ()
    return ParquetFiles(uri=str(folder), paths=paths, schema=pl.Schema({"raw": pl.String}))


def height_and_aside(lines: pl.DataFrame, aside: PutAside) -> tuple[int, pl.LazyFrame]:
    return lines.height, aside(lines)


@pytest.mark.parametrize(("count", "files"), [(0, 0), (4, 0), (16, 4)])
def test_blocks_go_over_files_and_only_one_alone_stays_in_memory(tmp_path: Path, count: int, files: int) -> None:
    """Of no lines there is a block without any."""
    lines, folder = lines_of(tmp_path, count), tmp_path / "aside"
    folder.mkdir()
    engine = PolarsEngine(Bounds(block_rows=5))
    answers = list(engine.map_blocks(height_and_aside, lines, folder=Place(str(folder))))
    assert max(height for height, _ in answers) <= 5
    assert sum(height for height, _ in answers) == count
    assert len(list(folder.iterdir())) == files == (len(answers) if files else 0)
    assert pl.concat([kept for _, kept in answers]).collect().sort("raw").equals(lines.scan().collect().sort("raw"))


@pytest.mark.parametrize("groups", [1, 3])
def test_all_rows_of_a_key_are_in_one_call(groups: int) -> None:
    """Of every frame; a key that only one of them has is there too."""
    left = pl.LazyFrame({"key": [*range(20), *range(20)]})
    right = pl.LazyFrame({"key": range(10, 30)})
    calls = list(
        PolarsEngine().map_groups(
            lambda frames, _: [set(frame["key"]) for frame in frames],
            [[left], [right.head(5), right.slice(5)]],
            by=["key"],
            groups=groups,
        )
    )
    assert len(calls) == groups
    for number, (in_left, in_right) in enumerate(calls):
        others = [keys for other, call in enumerate(calls) if other != number for keys in call]
        assert not (in_left | in_right).intersection(*[set().union(*others)])
    assert set().union(*(keys for call in calls for keys in call)) == set(range(30))


@dataclass(frozen=True)
class RecordingEngine(PolarsEngine):
    """Notes into how many groups each kind of work was cut, at most, and the most lines in a block."""

    groups: dict[str, int] = field(default_factory=dict)
    heights: list[int] = field(default_factory=list)

    def map_blocks(
        self, function: Callable[[pl.DataFrame, PutAside], Answer], files: ParquetFiles, *, folder: Place | None = None
    ) -> Iterator[Answer]:
        def noted(lines: pl.DataFrame, aside: PutAside) -> Answer:
            self.heights.append(lines.height)
            return function(lines, aside)

        return super().map_blocks(noted, files, folder=folder)

    def map_groups(
        self,
        function: Callable[[list[pl.DataFrame], PutAside], Answer],
        frames: Sequence[Sequence[pl.LazyFrame]],
        *,
        by: Sequence[str],
        groups: int,
        folder: Place | None = None,
    ) -> Iterator[Answer]:
        inner: Any = getattr(function, "func", function)
        self.groups[inner.__name__] = max(groups, self.groups.get(inner.__name__, 0))
        return super().map_groups(function, frames, by=by, groups=groups, folder=folder)


@pytest.mark.slow
def test_whatever_is_worked_on_is_cut_within_the_bounds(tmp_path: Path) -> None:
    """Lines, hashes, suspects, keys, histories: with bounds of one record each of them goes in several calls."""
    engine = RecordingEngine(small_bounds(1))
    several = full(
        CUSTOMERS, "01741435206000-00000006", AT + 2 * HOUR, [item_line(customer(key)) for key in ("c1", "c3")]
    )
    run(pipeline.lakehouse_at(tmp_path, engine), (*EXPORTS, several))
    assert set(engine.heights) == {1}
    assert {name: groups > 1 for name, groups in engine.groups.items()} == dict.fromkeys(
        ("_repeated", "_resolve_suspects", "_missing", "_remade"), True
    )

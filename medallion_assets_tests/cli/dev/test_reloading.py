"""The definitions are loaded anew once their code is another one and nobody writes it any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from medallion_assets.cli.dev.reloading import reload_when_changed


@dataclass
class Looks:
    """Code that is as described at each look: when it was last written, and what it is.

    The first is at the start; `loaded` is what it was before.
    """

    found: Sequence[tuple[float, str]]
    loaded: str = "a"
    number: int = 0
    reloads: list[int] = field(default_factory=list)

    def wait(self, timeout: float) -> bool:  # noqa: ARG002 - nobody waits here
        self.number += 1
        return self.number == len(self.found)

    def reloaded(self, reload: Callable[[], object] = lambda: None) -> list[int]:
        """The looks at which the definitions were loaded."""

        def load() -> None:
            self.reloads.append(self.number)
            reload()

        reload_when_changed(
            self,
            self.loaded,
            written_at=lambda: self.found[self.number][0],
            code=lambda: self.found[self.number][1],
            reload=load,
        )
        return self.reloads


def test_a_change_is_loaded_once_nothing_more_is_written() -> None:
    looks = Looks([(1, "a"), (1, "a"), (2, "b"), (3, "c"), (3, "c"), (3, "c"), (4, "d"), (4, "d"), (4, "d")])
    assert looks.reloaded() == [4, 7]


def test_what_is_written_and_is_the_same_changes_nothing() -> None:
    assert Looks([(1, "a"), (2, "a"), (2, "a"), (2, "a")]).reloaded() == []


def test_what_is_saved_while_the_definitions_are_loaded_is_loaded_too() -> None:
    assert Looks([(2, "b"), (2, "b"), (2, "b"), (2, "b")], loaded="a").reloaded() == [1]


def test_what_could_not_be_loaded_is_loaded_later() -> None:
    outcomes: Iterator[bool] = iter([False, True])

    def reload() -> None:
        if not next(outcomes):
            raise httpx.ConnectError("nobody answers")

    assert Looks([(1, "a"), (2, "b"), (2, "b"), (2, "b"), (2, "b")]).reloaded(reload) == [2, 3]

"""Which prefixes a look at arrivals looks below: the last, the newest, one other in turn, and those that are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.source import Listing
from medallion_assets.triggers.look_limits import LIMITS
from medallion_assets.triggers.prefixes import Prefixes


def listing(prefixes: Mapping[str, str], *, objects: int = LIMITS.small_objects + 1) -> Listing:
    last = max(prefixes, default=None)
    return Listing(batches=[], foreign=0, unclaimed=[], unseen={}, prefixes=prefixes, last_prefix=last, objects=objects)


def known(prefixes: Mapping[str, str]) -> Prefixes:
    return Prefixes().after(listing(prefixes), is_whole=True)


def test_nothing_is_chosen_where_nothing_is_known_or_the_place_is_small() -> None:
    assert Prefixes().due() == []
    assert Prefixes().after(listing({"a/": "1"}, objects=LIMITS.small_objects), is_whole=True).due() == []
    assert Prefixes().after(listing({}), is_whole=True).due() == []
    assert Prefixes().after(listing({"a/": "1"}), is_whole=False) == Prefixes()


def test_the_last_prefix_is_due_at_every_look_the_newest_at_every_second_and_each_other_in_turn() -> None:
    prefixes, due = known({"a/": "5", "b/": "9", "c/": "4", "d/": "1"}), list[list[str]]()
    for _ in range(6):
        due.append(prefixes.due())
        prefixes = prefixes.after(listing({}), is_whole=False)
    assert due == [["a/", "d/"], ["b/", "d/"], ["c/", "d/"], ["b/", "d/"], ["a/", "d/"], ["b/", "d/"]]


def test_a_prefix_that_was_not_known_and_comes_last_is_the_last_from_then_on() -> None:
    prefixes = known({"a/": "5", "b/": "6"}).after(listing({"a/": "7"}), is_whole=False)
    assert (prefixes.last, prefixes.newest["a/"]) == ("b/", "7")
    prefixes = prefixes.after(listing({"a/": "7", "c/": "8"}), is_whole=False)
    assert prefixes.last == "c/"
    assert known({"a/": "5"}).after(listing({"a/": "5"}), is_whole=True).last == "a/"


def test_prefixes_below_which_batches_are_unsettled_are_due_at_every_look() -> None:
    prefixes = known({"a/": "1", "b/": "2", "c/": "3", "d/": "4"}).holding({"a/", "b/"})
    assert {"a/", "b/", "d/"} <= set(prefixes.due())
    assert prefixes.after(listing({}), is_whole=False).held == frozenset()
    many = [f"{number:02}/" for number in range(LIMITS.prefixes + 1)]
    assert prefixes.holding(many).held == {*many[: LIMITS.prefixes]}


def test_a_change_of_the_folders_is_kept_until_everything_is_looked_at() -> None:
    def after(prefixes: Prefixes, folders: list[str] | None, **seen: str) -> Prefixes:
        return prefixes.after(replace(listing(seen), folders=folders), is_whole=False)

    prefixes = after(known({"a/": "1", "c/": "2"}), ["a"])
    assert not prefixes.has_new_folder  # nothing is known to compare with
    assert not after(prefixes, ["a"]).has_new_folder
    assert not after(prefixes, None).has_new_folder
    changed = after(prefixes, ["a", "b"])
    assert changed.has_new_folder
    assert after(changed, ["a", "b"]).has_new_folder
    moved = after(prefixes, ["a"], **{"d/": "3"})
    assert (moved.last, moved.has_new_folder) == ("d/", False)
    assert not after(moved, ["a", "c"]).has_new_folder


def test_as_many_are_remembered_as_take_turns_and_the_last() -> None:
    many = known({f"{number:03}/": f"{999 - number}" for number in range(500)})
    assert list(many.newest) == [f"{number:03}/" for number in [*range(LIMITS.prefixes), 499]]
    assert from_json_or_none(Prefixes, to_json(many.holding({"b/", "a/"}))) == many.holding({"a/", "b/"})

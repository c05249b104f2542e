"""Names: which files are a table's, and the id of a file's batch (rule F1).

Belongs here: patterns and ids.
Does not: listing, or what is in a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from types import MappingProxyType

from medallion_assets.contracts.search import Search
from medallion_assets.storage.listing import StoredObject

_ANY_FOLDERS = "**"
_EITHER = re.compile(r"(\{[^{}]*\})")
_MOMENT = "%Y%m%dT%H%M%S%fZ"
_TAG_BYTES = 4
_NUMBER_DIGITS = 4
_BEFORE_ALL = "\0"
"""No key has it: of two keys the one that the other begins with comes first."""
NO_VERSIONS: Mapping[str, str] = MappingProxyType({})


@lru_cache
def pattern_of(pattern: str) -> re.Pattern[str]:
    """A glob for keys below the place: `*` and `?` stay within a folder, `**/` is any or none, `{a,b}` is either."""
    folders = [
        "(?:[^/]+/)*" if part == _ANY_FOLDERS else f"{_within_folder(part)}/" for part in pattern.split("/")[:-1]
    ]
    return re.compile("".join(folders) + _within_folder(pattern.rsplit("/", 1)[-1]))


def batch_id(file: StoredObject, latest: Mapping[str, str] = NO_VERSIONS) -> str:
    """`<name>@<modified, UTC>-<tag>`: ids of one name sort by their moment (rule F1).

    Another version of the same moment, which on S3 is a second, is `<name>@<modified, UTC>.<number>-<tag>`, and sorts
    behind the one that is in, as `latest_of_a_moment` gives it.
    """
    tag = hashlib.blake2b(f"{file.size} {file.tag}".encode(), digest_size=_TAG_BYTES).hexdigest()
    moment = f"{file.key}@{file.modified_at.astimezone(UTC).strftime(_MOMENT)}"
    before = latest.get(moment)
    if before is None:
        return f"{moment}-{tag}"
    number, _, its_tag = before.removeprefix(moment).removeprefix(".").rpartition("-")
    return before if its_tag == tag else f"{moment}.{int(number or 0) + 1:0{_NUMBER_DIGITS}}-{tag}"


def latest_of_a_moment(batches: Iterable[str]) -> dict[str, str]:
    """The greatest id of each name and moment: what lay there when the place was looked at last."""
    latest: dict[str, str] = {}
    for batch in batches:
        moment = batch.rpartition("-")[0]
        moment = moment.rpartition(".")[0] if moment[-1 - _NUMBER_DIGITS :].startswith(".") else moment
        latest[moment] = max(batch, latest.get(moment, ""))
    return latest


def key_of(batch: str) -> str:
    """The key of a batch's file."""
    return batch.rpartition("@")[0]


def listed_as(batch: str) -> str:
    """A text by which batches sort by their files' keys, and those of one file by their moment."""
    key, _, moment = batch.rpartition("@")
    return f"{key}{_BEFORE_ALL}{moment}"


@dataclass
class Ids:
    """The ids of the files that a search looks for; what it knows is asked for when a file is the first to need it."""

    search: Search

    def wanted(self, file: StoredObject) -> str | None:
        """The id of a file; None where its batch is not looked for."""
        after = self.search.after
        if after is not None and listed_as(batch_id(file, latest_of_a_moment([after]))) <= listed_as(after):
            return None
        name = batch_id(file, self._latest)
        return name if self.search.wants(name, listed_as) else None

    @cached_property
    def _latest(self) -> Mapping[str, str]:
        return latest_of_a_moment([*self.search.known, *self.search.held])


def right_before(batch: str) -> str:
    """A key that comes before the batch's file, which may change, and behind almost all that do."""
    return key_of(batch)[:-1]


def modified_at(batch: str) -> datetime:
    """When a batch's file was last modified."""
    return datetime.strptime(batch.rpartition("@")[2].partition("-")[0].partition(".")[0], _MOMENT).replace(tzinfo=UTC)


def _within_folder(part: str) -> str:
    return "".join(_either(piece) if _EITHER.fullmatch(piece) else _wild(piece) for piece in _EITHER.split(part))


def _either(alternatives: str) -> str:
    return f"(?:{'|'.join(map(_wild, alternatives[1:-1].split(',')))})"


def _wild(text: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(character) or re.escape(character) for character in text)

"""Names: which files are a table's, the id of a file's batch, and how a record names its file (rule F1).

Belongs here: patterns, ids, the columns of a file beside its name.
Does not: listing (storage.listing), or what is in a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote

from medallion_assets.storage.listing import StoredObject

_ANY_FOLDERS = "**"
_EITHER = re.compile(r"(\{[^{}]*\})")
_MOMENT = "%Y%m%dT%H%M%S%fZ"
_TAG_BYTES = 4


@lru_cache
def pattern_of(pattern: str) -> re.Pattern[str]:
    """A glob for keys below the place: `*` and `?` stay within a folder, `**/` is any or none, `{a,b}` is either."""
    folders = [
        "(?:[^/]+/)*" if part == _ANY_FOLDERS else f"{_within_folder(part)}/" for part in pattern.split("/")[:-1]
    ]
    return re.compile("".join(folders) + _within_folder(pattern.rsplit("/", 1)[-1]))


def batch_id(file: StoredObject) -> str:
    """`<name>@<modified, UTC>-<tag>`: ids of one name sort by their moment (rule F1)."""
    tag = hashlib.blake2b(f"{file.size} {file.tag}".encode(), digest_size=_TAG_BYTES).hexdigest()
    return f"{file.key}@{file.modified_at.astimezone(UTC).strftime(_MOMENT)}-{tag}"


def key_of(batch: str) -> str:
    """The key of a batch's file."""
    return batch.rpartition("@")[0]


def modified_at(batch: str) -> datetime:
    """When a batch's file was last modified."""
    return datetime.strptime(batch.rpartition("@")[2].rpartition("-")[0], _MOMENT).replace(tzinfo=UTC)


def source_file(key: str, columns: Sequence[str]) -> str:
    """How a record names its file: with the columns that the file has, in its order, for a record does not say them."""
    escaped = (name.replace("%", "%25").replace(",", "%2C").replace("#", "%23") for name in columns)
    return f"{key}#{','.join(escaped)}"


def columns_of(source: str) -> tuple[str, ...]:
    """The columns of a file that `source_file` named."""
    return tuple(map(unquote, source.rpartition("#")[2].split(",")))


def _within_folder(part: str) -> str:
    return "".join(_either(piece) if _EITHER.fullmatch(piece) else _wild(piece) for piece in _EITHER.split(part))


def _either(alternatives: str) -> str:
    return f"(?:{'|'.join(map(_wild, alternatives[1:-1].split(',')))})"


def _wild(text: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(character) or re.escape(character) for character in text)

"""What a run row of Dagster's UI shows of this project.

Belongs here: telling the tags apart. Does not: runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from dagster._core.storage.tags import TagType, get_tag_type

MOST = 3


def shown(keys: Iterable[str]) -> list[str]:
    """The tags of ours that the UI shows: its server leaves out the hidden ones, and Dagster's own are not ours."""
    return [key for key in keys if get_tag_type(key) is TagType.USER_PROVIDED]

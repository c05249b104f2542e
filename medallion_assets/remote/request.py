"""The request: what a remote process is to do, as plain values.

Belongs here: the fields.
Does not: settings, which every process reads of its own environment; where the request lies.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from medallion_assets.engines.spark.versions import versions

PROJECT = "medallion-assets"
"""The name of the package, whose release both sides have to share."""


def release() -> str:
    """The version of this project with the hash of its source, which tells two checkouts of one version apart."""
    return f"{version(PROJECT)}+{versions()['medallion_assets']}"


class Request(BaseModel):
    """One stage of one run. `tags` name its days, `asked` are the fields of the stage's `asked` that were given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    run_id: str
    now: datetime
    tags: dict[str, str] = Field(default={})
    trigger: str = ""
    started_by: str = ""
    rows_loaded: Any = None
    asked: dict[str, Any] = Field(default={})
    lakehouse_url: str = Field(description="the place of the tables, which the other side has to use as well")
    look_seconds: float = Field(default=10.0, description="seconds between checks of whether it is still waited for")
    version: str = Field(description="the release where the request was made: the other side has to have the same")

    def is_same_work(self, other: Request) -> bool:
        """Whether both ask for the same, whoever asks and when."""
        return (self.table, self.tags, self.asked) == (other.table, other.tags, other.asked)

"""Trigger context: what caused a run, as typed run config for its assets and as tags of the run.

Belongs here: the shape that sensors and schedules fill in and assets show.
Does not: deciding anything. A stage takes what lies there and what its ledger lacks; the context only says why it runs.

Dagster reads the annotations of a config itself, so they are not postponed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from medallion_assets.errors.long_texts import cut
from medallion_assets.orchestration.hidden_tags import hidden_tag
from medallion_assets.stages.work import BY_HAND

TRIGGER_TAG = "medallion/trigger"
"""Which trigger asked for the run: file_arrival, table_update, restated, schedule or run_if."""
CAUSE_TAG = "medallion/cause"
"""The batches or table versions that it was asked for, in short."""
HIDDEN_CAUSE_TAG = hidden_tag("cause")
"""The same of a run of scattered days, which shows its days in place of it."""
TAG_CHARACTERS = 200


class ArrivedBatch(dg.Config):
    """A batch that was seen, complete or about to be."""

    export_id: str
    prefix: str = Field(default="", description="its prefix before AWSDynamoDB")
    files: int = Field(default=0, description="objects that its folder held when it was seen")


class UpdatedTable(dg.Config):
    """A table that has a new version."""

    table: str = Field(description="layer.table")
    version: int = Field(description="its Delta version")


class TriggerContext(dg.Config):
    """What caused the run; empty when a person started it."""

    trigger: str = Field(default="", description="file_arrival, table_update, restated, schedule or run_if")
    exports: list[ArrivedBatch] = Field(default=[], description="batches that arrived")
    tables: list[UpdatedTable] = Field(default=[], description="tables that were updated, with their versions")

    @property
    def cause(self) -> str:
        """The batches or table versions in one line."""
        versions = [f"{updated.table}@{updated.version}" for updated in self.tables]
        return ", ".join([*(arrived.export_id for arrived in self.exports), *versions])

    def run_config(self) -> dict[str, Any]:
        """The context as the value of an asset's `trigger` config."""
        return self.model_dump()

    def tags(self, *, shows_cause: bool = True) -> dict[str, str]:
        """The context as tags of the run; a long cause is cut."""
        cause, tag = cut(self.cause, TAG_CHARACTERS), CAUSE_TAG if shows_cause else HIDDEN_CAUSE_TAG
        return {TRIGGER_TAG: self.trigger, **({tag: cause} if cause else {})}


def cause_of(tags: Mapping[str, str]) -> str | None:
    """What a run was asked for, as its tags say."""
    return tags.get(CAUSE_TAG, tags.get(HIDDEN_CAUSE_TAG))


def merged(contexts: Sequence[TriggerContext]) -> TriggerContext:
    """What several triggers of one kind have caused together."""
    return TriggerContext(
        trigger=contexts[0].trigger,
        exports=[arrived for context in contexts for arrived in context.exports],
        tables=[updated for context in contexts for updated in context.tables],
    )


class TriggeredConfig(dg.Config):
    """Run config of an asset that takes nothing but its trigger context, and who asks for the run."""

    trigger: TriggerContext = Field(default=TriggerContext(), description="what caused the run; changes nothing")
    user: str = Field(
        default="", description="your name, recorded with decisions and commits of the whole run unless a proxy says it"
    )


def format_trigger(context: TriggerContext) -> str:
    """The context as an asset's metadata shows it."""
    return f"{context.trigger}: {context.cause}".rstrip(": ") if context.trigger else BY_HAND

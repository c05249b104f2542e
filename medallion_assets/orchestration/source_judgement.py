"""The judgement on the sources of a run: one on all of them, by its first Bronze step, before anything is loaded.

Belongs here: which sources a run reads, and remembering the judgement for the steps that come later (rule F8).
Does not: how fresh a source is (refining.source_freshness), or the check that shows it (assets/bronze.py).

The judgement is a tag of the run: steps may be processes of their own, and what lands while the first of them loads
changes nothing for the others. A source that another step of the run fetches is judged after that, by its own step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import dagster as dg

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.errors import StaleSourceError
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.source_freshness import SourceFreshness, source_freshness, stale_sources

JUDGEMENT_TAG = "medallion/sources"
"""Run tags are copied to a run that starts this one anew: the judgement names its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far the sources of a run reach that were judged, which are stale, and what the error of such a run says."""

    run_id: str
    reaches: dict[str, str]
    stale: list[str]
    error: dict[str, Any] | None = None

    @classmethod
    def of(cls, run_id: str, found: Iterable[SourceFreshness]) -> Judgement:
        """The judgement on some sources."""
        sources = list(found)
        stale = [source for source in sources if source.is_stale]
        return cls(
            run_id=run_id,
            reaches={source.table: source.reach for source in sources},
            stale=[source.table for source in stale],
            error=stale_sources(stale).parts if stale else None,
        )

    def and_of(self, other: Judgement) -> Judgement:
        """The judgement on more sources."""
        reaches, stale = self.reaches | other.reaches, [*self.stale, *other.stale]
        return replace(self, reaches=reaches, stale=stale, error=self.error or other.error)

    def expect_fresh(self) -> None:
        """Refuse to go on.

        Raises:
            StaleSourceError: a source is stale.
        """
        if self.error is not None:
            raise StaleSourceError(**self.error)


def judge_sources(attempt: Attempt, raw_url: str, own: Loaded) -> Judgement | None:
    """The judgement that counts for the table of `own`; None where its declaration promises nothing.

    Raises:
        PermanentError: a place is gone, although batches of it are in, or it cannot be listed.
        TransientError: a store did not answer.
    """
    if own.source_freshness_hours is None:
        return None
    context = attempt.context
    known = _remembered(context)
    if known is None:
        known = _judge(attempt, raw_url, _sources_of(context, attempt.lake.catalog.loaded))
        context.instance.add_run_tags(context.run.run_id, {JUDGEMENT_TAG: json.dumps(asdict(known))})
    if own.table.short_name in known.reaches:
        return known
    return known.and_of(_judge(attempt, raw_url, [own]))


def _judge(attempt: Attempt, raw_url: str, sources: Iterable[Loaded]) -> Judgement:
    found = (
        attempt.repeat(partial(source_freshness, attempt.lake, raw_url, loaded, now=attempt.now)) for loaded in sources
    )
    return Judgement.of(attempt.context.run.run_id, filter(None, found))


def _sources_of(context: dg.AssetExecutionContext, known: Iterable[Loaded]) -> list[Loaded]:
    """The sources that a run loads with nothing before them."""
    layer, steps = context.job_def.asset_layer, context.run.step_keys_to_execute
    selected = layer.selected_asset_keys
    keys = {loaded.table.name: asset_key(bronze_table(loaded.table.short_name)) for loaded in known}
    return [
        loaded
        for loaded in known
        if (key := keys[loaded.table.name]) in selected
        and (steps is None or key.to_python_identifier() in steps)
        and not layer.asset_graph.get(key).parent_keys & selected
    ]


def _remembered(context: dg.AssetExecutionContext) -> Judgement | None:
    run = context.instance.get_run_by_id(context.run.run_id)
    text = run.tags.get(JUDGEMENT_TAG) if run else None
    if text is None:
        return None
    known = Judgement(**json.loads(text))
    return known if known.run_id == context.run.run_id else None

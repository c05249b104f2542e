"""How far the sources of a run reach: asked once of all of them, by its first Bronze step, before anything is loaded.

Belongs here: which sources a run reads, and remembering the answer for the steps that come later (rule F8).
Does not: how fresh a source is, or the check that shows it.

The answer is a tag of the run: steps may be processes of their own, and what lands while the first of them loads
changes nothing for the others. A source that another step of the run fetches is looked at after that, by its own step.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import dagster as dg

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.errors import PermanentError, StaleSourceError
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.hidden_tags import hidden_tag
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.source_freshness import source_freshness, stale_sources, wanted

REACH_TAG = hidden_tag("sources")
"""Run tags are copied to a run that starts this one anew: the answer names its run."""
LOCKS = 64
"""So many files below $DAGSTER_HOME are the locks of all runs: runs that look at the same time seldom share one."""
UNKNOWN_REACH = "it cannot be judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReach:
    """How far the sources of a run reach that were looked at, which are stale, and what the error of such a run says.

    The error is not kept: PostgreSQL takes tags of some 2,700 bytes.
    """

    run_id: str
    reaches: dict[str, str]
    stale: list[str]
    error: dict[str, Any] | None = None

    def kept(self) -> str:
        """The text of the tag."""
        return to_json(replace(self, error=None))

    def and_of(self, other: SourceReach) -> SourceReach:
        """The answer for more sources."""
        return replace(self, reaches=self.reaches | other.reaches, stale=[*self.stale, *other.stale])

    def with_error(self, raw_url: str, known: Iterable[Loaded]) -> SourceReach:
        """The answer with what its error says."""
        hours = {loaded.table.short_name: loaded.source_freshness_hours or 0 for loaded in known}
        stale = {name: (wanted(f"{raw_url}/{name}", hours[name]), self.reaches[name]) for name in self.stale}
        return replace(self, error=stale_sources(stale).parts if stale else None)

    def expect_fresh(self) -> None:
        """Refuse to go on.

        Raises:
            StaleSourceError: a source is stale.
        """
        if self.error is not None:
            raise StaleSourceError(**self.error)


def reach_of_sources(attempt: Attempt, raw_url: str, own: Loaded) -> SourceReach | None:
    """The answer that counts for the table of `own`; None where its declaration promises nothing.

    Raises:
        PermanentError: the place of `own` is gone, although batches of it are in, or it cannot be listed.
        TransientError: a store did not answer.
    """
    if own.source_freshness_hours is None:
        return None
    context, loaded = attempt.context, attempt.lake.catalog.loaded
    with _alone(context.instance, context.run.run_id):
        known = _remembered(context)
        if known is None:
            known = _reach_of(attempt, raw_url, _sources_of(context, loaded), own)
            context.instance.add_run_tags(context.run.run_id, {REACH_TAG: known.kept()})
    if own.table.short_name not in known.reaches:
        known = known.and_of(_reach_of(attempt, raw_url, [own], own))
    return known.with_error(raw_url, [*loaded, own])


def lock_of(instance: dg.DagsterInstance, run_id: str) -> Path:
    """Who looks for a run holds it."""
    return Path(instance.root_directory) / f"source_judgement_{crc32(run_id.encode()) % LOCKS}.lock"


@contextmanager
def _alone(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """While the block runs, no other step of the run looks: those that begin together would each look for themselves.

    Another run need not wait for it: a source that answers slowly holds up its own alone.
    """
    with lock_of(instance, run_id).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _reach_of(attempt: Attempt, raw_url: str, sources: Iterable[Loaded], own: Loaded) -> SourceReach:
    """Look at some sources. One of another step that cannot be looked at counts as stale: its own step says why."""
    reaches, stale = dict[str, str](), list[str]()
    for loaded in sources:
        name = loaded.table.short_name
        try:
            found = attempt.repeat(partial(source_freshness, attempt.lake, raw_url, loaded, now=attempt.now))
        except PermanentError as error:
            if name == own.table.short_name:
                raise
            attempt.context.log.warning("%s cannot be judged: %s", name, error)
            reaches[name] = UNKNOWN_REACH
            stale.append(name)
            continue
        if found is not None:
            reaches[name] = found.reach
            stale += [name] if found.is_stale else []
    return SourceReach(run_id=attempt.context.run.run_id, reaches=reaches, stale=stale)


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


def _remembered(context: dg.AssetExecutionContext) -> SourceReach | None:
    run = context.instance.get_run_by_id(context.run.run_id)
    known = from_json_or_none(SourceReach, run.tags.get(REACH_TAG) if run else None)
    return known if known is not None and known.run_id == context.run.run_id else None

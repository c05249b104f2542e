"""What never changes, read or made once a process and not once a test.

Belongs here: what a profile of the suite shows to be read or made over and over. Does not: what a test writes or sets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.loaders import JSONFileLoader
from moto.core.models import MockAWS
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory


def read_once() -> None:
    """Keep what describes AWS's services, which each client reads, and Dagster's migrations, which each instance does.

    Call it when the tests are imported: it leaves Dagster's part out if none of them needs Dagster. An asset that
    follows from its declaration alone is made once for each: Dagster takes longer to make it than many a test.
    """
    read = JSONFileLoader().load_file
    kept = cache(read)
    JSONFileLoader.load_file = lambda _, file_path: kept(file_path)  # type: ignore[assignment, method-assign]
    _share_the_session_of_mocks()
    _keep_spellings()
    if "dagster" in sys.modules:
        _keep_migrations()
        _keep_jobs()
    if "medallion_assets.definitions" in sys.modules:
        _keep_assets()


def _share_the_session_of_mocks() -> None:
    """Within a mock boto3 has a session that knows no account: the same one within every mock, and never outside."""
    make: Any = MockAWS.__init__
    session = boto3.Session()

    def init(mock: MockAWS, config: Any = None) -> None:
        make(mock, config)
        mock._default_session_mock = patch("boto3.DEFAULT_SESSION", session)

    MockAWS.__init__ = init  # type: ignore[method-assign]


def _keep_spellings() -> None:
    """Moto looks for each member of a reply under every name that it may have: in a dict these are the same each time.

    A value of DynamoDB has ten members, one of which is set.
    """
    pick, spell = XFormedAttributePicker.__call__, XFormedAttributePicker.get_possible_keys

    def picked(picker: XFormedAttributePicker, context: AttributePickerContext) -> object:
        if type(context.obj) is not dict or context.shape is None or picker.response_transformers:
            return pick(picker, context)
        known = vars(context.shape).setdefault("_spellings", {})
        if context.key not in known:
            known[context.key] = tuple(dict.fromkeys(spell(picker, context)))
        return next((context.obj[name] for name in known[context.key] if name in context.obj), None)

    XFormedAttributePicker.__call__ = picked  # type: ignore[assignment, method-assign]


def _keep_migrations() -> None:
    from alembic.script import ScriptDirectory

    read: Any = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        if config.config_file_name not in known:
            known[config.config_file_name] = read(config)
        return known[config.config_file_name]

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]


def _keep_jobs() -> None:
    """A run in this process is one of a copy of its job: a copy serves all runs of the same assets."""
    from dagster import AssetKey, JobDefinition

    copy: Any = JobDefinition.as_ephemeral_job

    def copied(
        job: JobDefinition,
        resource_defs: Mapping[str, Any],
        input_values: Mapping[str, object],
        op_selection: Sequence[str] | None = None,
        asset_selection: Sequence[AssetKey] | None = None,
    ) -> Any:
        if resource_defs or input_values or op_selection:
            return copy(job, resource_defs, input_values, op_selection, asset_selection)
        known: dict[frozenset[AssetKey], JobDefinition] = vars(job).setdefault("_copies", {})
        every, assets = frozenset[AssetKey](), frozenset(asset_selection or ())
        if every not in known:
            known[every] = copy(job, {}, {})
        if assets not in known:
            known[assets] = known[every].get_subset(asset_selection=assets)
        return known[assets]

    JobDefinition.as_ephemeral_job = copied  # type: ignore[method-assign]


ASSETS = ("bronze_asset", "silver_asset", "derived_asset", "gold_asset", "serving_asset", "operations_assets")
"""What makes the assets that follow from their declarations, and from the first day, alone."""


def _keep_assets() -> None:
    from medallion_assets import definitions

    def kept(make: Callable[..., Any]) -> Callable[..., Any]:
        known: dict[tuple[object, ...], tuple[object, object]] = {}

        def made(*declared: object, **named: bool) -> object:
            key = (*(value if isinstance(value, date) else id(value) for value in declared), *named.items())
            if key not in known:
                known[key] = declared, make(*declared, **named)  # what is declared is held: another would get its id
            return known[key][1]

        return made

    for name in ASSETS:
        setattr(definitions, name, kept(getattr(definitions, name)))

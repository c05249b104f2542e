"""Translators of dagster-dbt as a user may write them, for tests.

Belongs here: one of each kind that is followed or refused. Does not: what becomes of it (test_dbt_translation.py).
dagster-dbt takes seconds to import: import this where it is used, not when tests are collected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from medallion_assets.orchestration.dbt_translation import DagsterDbtTranslator  # type: ignore[attr-defined]


class Translator(DagsterDbtTranslator):
    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return f"our {dbt_resource_props['name']}"

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:  # noqa: ARG002 - dagster-dbt's
        return "time"

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**super().get_metadata(dbt_resource_props), "wiki": dg.MetadataValue.url("http://wiki/dates")}


class OtherKeys(DagsterDbtTranslator):
    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return super().get_asset_key(dbt_resource_props).with_prefix("mine")


class OtherWords(DagsterDbtTranslator):
    """Metadata of a name that dagster-dbt gives too."""

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        return dict.fromkeys(super().get_metadata(dbt_resource_props), "ours")


class Raising(DagsterDbtTranslator):
    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["wiki"])

"""Shown variables: what other terminals need to see the same lakehouse as a server that runs here.

Belongs here: which settings these are, beside the home.
Does not: secrets; or how the variables are printed or stand before a command.
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.settings import Settings


def chosen_variables(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that say which pipelines, days and places a command is about, where `environment` sets them."""
    values = {
        "MEDALLION_PIPELINES": " ".join(settings.pipelines),
        "MEDALLION_RAW_URL": settings.raw_url,
        "MEDALLION_LAKEHOUSE_URL": settings.lakehouse_url,
        "MEDALLION_FIRST_DAY": str(settings.first_day),
        "MEDALLION_SERVING_PREFIX": settings.serving_prefix,
    }
    return {name: value for name, value in values.items() if environment.get(name)}

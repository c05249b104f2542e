"""What other terminals are told to set is what decides which lakehouse they see."""

from __future__ import annotations

from pathlib import Path

from medallion_assets.cli.shown_variables import chosen_variables
from medallion_assets.settings import load_settings

CHOSEN = {
    "MEDALLION_PIPELINES": "shop.pipeline:SHOP shop.other:OTHER",
    "MEDALLION_RAW_URL": "s3://my-raw/raw",
    "MEDALLION_LAKEHOUSE_URL": "s3://my-lake/tables",
    "MEDALLION_FIRST_DAY": "2026-11-01",
    "MEDALLION_SERVING_PREFIX": "mine_",
}


def test_what_the_environment_sets_is_shown_but_no_secret(tmp_path: Path) -> None:
    environment = {"MEDALLION_HOME": str(tmp_path), **CHOSEN, "AWS_SECRET_ACCESS_KEY": "s"}
    assert chosen_variables(load_settings(environment), environment) == CHOSEN


def test_defaults_are_not_shown(tmp_path: Path) -> None:
    environment = {"MEDALLION_HOME": str(tmp_path), "MEDALLION_PIPELINES": ""}
    assert chosen_variables(load_settings(environment), environment) == {}


def test_a_relative_place_is_the_same_in_every_folder(tmp_path: Path) -> None:
    environment = {"MEDALLION_HOME": str(tmp_path), "MEDALLION_RAW_URL": "raw"}
    assert chosen_variables(load_settings(environment), environment) == {
        "MEDALLION_RAW_URL": str(Path("raw").absolute())
    }

"""Settings: the only reader of the environment.

Belongs here: every `MEDALLION_*` variable, its default, and the error for a value that is not allowed.
Does not: AWS settings of our own; the standard AWS variables hold (`aws_options` hands them to every client).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

from medallion_assets.errors import SettingsError

ENGINES = ("polars",)
AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
)
"""The standard variables that every client of S3 in this project is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, validated; made once by `load_settings`.

    `home` is an absolute path; `raw_url` and `lakehouse_url` are absolute paths without a scheme, or `s3://bucket/prefix`.
    """

    home: Path
    raw_url: str
    lakehouse_url: str
    engine: str
    first_day: date

    @property
    def dagster_home(self) -> Path:
        """Where `medallion demo` keeps Dagster's runs, so that the UI shows them."""
        return self.home / "dagster_home"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting.

    Raises:
        SettingsError: a value is not allowed; the message names the variable and what is allowed.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("MEDALLION_HOME") or ".medallion").expanduser().absolute()
    engine = env.get("MEDALLION_ENGINE") or "polars"
    if engine not in ENGINES:
        raise SettingsError(
            "MEDALLION_ENGINE is not allowed",
            expected=f"one of {', '.join(ENGINES)}",
            found=repr(engine),
            do="unset it, or set it to an allowed value",
        )
    lakehouse_url = _url(env, "MEDALLION_LAKEHOUSE_URL", home / "lakehouse")
    if set(lakehouse_url) & set("#?%"):
        raise SettingsError(
            "MEDALLION_LAKEHOUSE_URL names a place where delta-rs would not find the history of a table",
            expected="a path or URL without #, ? and %",
            found=repr(lakehouse_url),
            do="set MEDALLION_LAKEHOUSE_URL or MEDALLION_HOME to another place",
        )
    return Settings(
        home=home,
        raw_url=_url(env, "MEDALLION_RAW_URL", home / "raw-dynamodb-exports"),
        lakehouse_url=lakehouse_url,
        engine=engine,
        first_day=_day(env, "MEDALLION_FIRST_DAY", date(2025, 1, 1)),
    )


def aws_options(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The AWS variables that are set, in the form that deltalake, polars and obstore take as storage options."""
    env = os.environ if environment is None else environment
    options = {name: env[name] for name in AWS_VARIABLES if env.get(name)}
    endpoint = options.pop("AWS_ENDPOINT_URL_S3", None)
    if endpoint:
        options["AWS_ENDPOINT_URL"] = endpoint
    if "AWS_REGION" not in options and "AWS_DEFAULT_REGION" in options:
        options["AWS_REGION"] = options["AWS_DEFAULT_REGION"]
    options.pop("AWS_DEFAULT_REGION", None)
    return options


def normalise_url(value: str, *, name: str) -> str:
    """An absolute local path, or an `s3://` URL, without a trailing slash.

    Raises:
        SettingsError: another scheme, or no bucket; `name` is what the message calls the value.
    """
    parts = urlsplit(value)
    if parts.scheme == "s3" and parts.netloc:
        return value.rstrip("/")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return str(Path(unquote(parts.path)).absolute())
    if "://" not in value:
        return str(Path(value).expanduser().absolute())
    raise SettingsError(
        f"{name} is not a place this project can read and write",
        expected="a local path, file:///absolute/path or s3://bucket/prefix",
        found=repr(value),
        do=f"set {name} to one of these",
    )


def _url(env: Mapping[str, str], name: str, default: Path) -> str:
    return normalise_url(env.get(name) or str(default), name=name)


def _day(env: Mapping[str, str], name: str, default: date) -> date:
    text = env.get(name)
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{name} is not a day", expected="YYYY-MM-DD, such as 2025-01-01", found=repr(text), do=f"correct {name}"
        ) from None

"""Storage options on their way to other processes: secrets stay where they are.

Belongs here: what a pickle of options holds, and how Polars is given them.
Does not: which options there are (settings), or the clients that are made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from medallion_assets.settings import storage_options
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.values import AWS_KEYS
from medallion_assets.storage.credentials import of_profile

A_BUCKET = "s3://"
"""Whichever it is: Polars has a client for each provider of keys that differs, so ours does not say where it reads."""


class StorageOptions(dict[str, str]):
    """Storage options of which a pickle holds all but the secrets: who reads it puts in those of its own environment.

    So work can be sent to other machines, through whatever writes it down on the way. A process without such variables
    has a role, or nothing.
    """

    def __repr__(self) -> str:
        return f"StorageOptions({', '.join(sorted(self))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_own_secrets, ({name: value for name, value in self.items() if name not in AWS_KEYS},)

    def of_polars(self, url: str) -> dict[str, Any]:
        """The arguments of Polars' readers and writers of `url`; a plan that is pickled has no secrets in it either."""
        known = {name: value for name, value in self.items() if name not in AWS_KEYS}
        arguments: dict[str, Any] = {"storage_options": known or None}
        has_own = len(known) < len(self) or of_profile(url, self) is not None
        return arguments | ({"credential_provider": _Credentials(self)} if has_own else {})


def _with_own_secrets(public: Mapping[str, str]) -> StorageOptions:
    own = storage_options(inherited_environment())  # that of the worker that reads the pickle
    return StorageOptions({**public, **{name: own[name] for name in AWS_KEYS if name in own}})


@dataclass(frozen=True)
class _Credentials:
    """What Polars asks for the secrets of some options, in the process that reads or writes."""

    options: StorageOptions

    def __call__(self) -> tuple[dict[str, str], int | None]:
        """The secrets, and when they are to be asked for again; None: never."""
        secrets = {name.lower(): self.options[name] for name in AWS_KEYS if name in self.options}
        if secrets:
            return secrets, None
        if (profile := of_profile(A_BUCKET, self.options)) is not None:
            keys = profile()
            values = (keys["access_key_id"], keys["secret_access_key"], keys["token"])
            found = {name.lower(): value for name, value in zip(AWS_KEYS, values, strict=True) if value}
            ends = keys["expires_at"]
            return found, None if ends is None else int(ends.timestamp())
        elsewhere: tuple[dict[str, str], int | None] = pl.CredentialProviderAWS()()
        return elsewhere

    def __hash__(self) -> int:
        return hash(tuple(self.options.items()))

"""Credentials of AWS: whether this process has any, asked before a library that would look for them for half a minute.

Belongs here: the question, the error where the answer is no, and handing on those that boto3 alone finds.
Does not: finding others for a request, which each library does itself, or whether AWS accepts them.

boto3 knows every place that the others know: variables, profiles, SSO, web identity, containers, and the host's role.
It asks the host's metadata service here three times and waits a second each (unless AWS_METADATA_SERVICE_NUM_ATTEMPTS
and AWS_METADATA_SERVICE_TIMEOUT say otherwise); delta-rs and obstore ask ten times. All of them read the environment of
the process by themselves, so it counts here as it is, whatever settings were read before. Profiles (also those of SSO,
of a role or of a process) obstore does not know, nor does delta-rs beside an endpoint: both asked the host instead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.errors.aws import REQUEST_KEYS
from medallion_assets.errors.long_texts import first_line
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.values import AWS_KEYS

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from obstore.store import S3Credential

SIGNING_KEYS = AWS_KEYS[:2]
"""What signs a request; a third one goes with them where they are temporary."""
UNSIGNED, NO_ROLE = "AWS_SKIP_SIGNATURE", "AWS_EC2_METADATA_DISABLED"
TRIES = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"
WEB_IDENTITY, TOKEN_FILE = "assume-role-with-web-identity", "AWS_WEB_IDENTITY_TOKEN_FILE"
FOUND_BY_ALL = frozenset({"env", "iam-role", "container-role"})
"""What boto3 calls the ways to credentials that obstore and delta-rs find by themselves; so do they a web identity that
variables name, and not one of a profile."""
READ_AGAIN_SECONDS = 60.0
"""So often a file of keys is read again: whoever signs in writes new ones there when the old ones end."""
LIFETIME = timedelta(seconds=300 + READ_AGAIN_SECONDS)
"""obstore asks again for what ends within five minutes."""
NO_KEYS = "the profile gives no AWS keys"
CORRECT_PROFILE = "if it persists, correct the profile that AWS_PROFILE names, or sign in again"
FORCED = "AWS_FORCE_CREDENTIAL_LOAD"
"""Has delta-rs look for credentials as it does without an endpoint."""


@dataclass(slots=True)
class ProfileCredentials:
    """What obstore asks for the keys of a profile, however it has them. They are renewed, or read again."""

    read_again_seconds: float = READ_AGAIN_SECONDS
    _found: Credentials | None = None
    _read_at: float = 0.0
    _reading: Lock = field(default_factory=Lock)

    def __call__(self) -> S3Credential:
        """The keys as they are now.

        Raises:
            TransientError, PermanentError: whoever has them did not answer, or the profile is wrong.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        from medallion_assets.storage.aws_answers import may_pass

        try:
            keys = self._now().get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            kind = TransientError if may_pass(error) else PermanentError
            raise kind(NO_KEYS, found=first_line(error), do=CORRECT_PROFILE) from error
        return {
            "access_key_id": str(keys.access_key),
            "secret_access_key": str(keys.secret_key),
            "token": keys.token,
            "expires_at": datetime.now(UTC) + LIFETIME,
        }

    def _now(self) -> Credentials:
        from botocore.credentials import RefreshableCredentials
        from botocore.session import get_session

        with self._reading:
            renews_itself = isinstance(self._found, RefreshableCredentials)
            age = time.monotonic() - self._read_at
            if self._found is None or (not renews_itself and age >= self.read_again_seconds):
                self._found, self._read_at = get_session().get_credentials(), time.monotonic()
            if self._found is None:
                raise without_credentials("the profile of this process")
            return self._found


def of_profile(url: str, options: Mapping[str, str]) -> ProfileCredentials | None:
    """What to ask for the keys of requests to `url`, where a profile alone has them; of a local place, nothing."""
    if not _are_looked_for(url, options):
        return None
    try:
        return _find()
    except LookupError:
        return None


def for_delta(url: str, options: Mapping[str, str]) -> dict[str, str]:
    """Storage options as delta-rs needs them to find the credentials that others find."""
    return dict(options) if of_profile(url, options) is None else {**options, FORCED: "true"}


def expect_credentials(where: str, url: str, options: Mapping[str, str]) -> None:
    """See that requests to `url` can be signed: with the keys of `options`, of the environment, or any others.

    Raises:
        TransientError, PermanentError: it is a bucket, and nobody hands out credentials (`without_credentials`).
    """
    if not _are_looked_for(url, options):
        return
    try:
        _find()
    except LookupError:
        raise without_credentials(where) from None


def without_credentials(where: str) -> MedallionError:
    """The error: a role of the host may hand some out in a moment, unless the environment says that there is none."""
    kind = PermanentError if inherited_environment().get(NO_ROLE, "").lower() == "true" else TransientError
    return kind(
        "this process has no AWS credentials",
        where=where,
        expected=REQUEST_KEYS,
        found="none of them",
        do="set them where this process is started, or give the host a role; with a role, run it again",
    )


def _are_looked_for(url: str, options: Mapping[str, str]) -> bool:
    """Whether requests are to be signed, with keys that neither options nor variables give."""
    return url.startswith("s3://") and not (_are_given(options) or _are_given(inherited_environment()))


def _are_given(options: Mapping[str, str]) -> bool:
    """Names of options may be written in small letters, as delta-rs and obstore know both."""
    given = {name.upper(): value for name, value in options.items() if value}
    return given.get(UNSIGNED, "").lower() in ("true", "1") or given.keys() >= set(SIGNING_KEYS)


def _find() -> ProfileCredentials | None:
    """Ask boto3 until it has found some; gives those that others would not find.

    Raises:
        LookupError: it knows none, and is asked again the next time.
    """
    from botocore.exceptions import BotoCoreError

    try:
        return _found()
    except BotoCoreError:  # a profile has some, whose use says what is wrong with it, or finds it mended
        return ProfileCredentials()


@cache
def _found() -> ProfileCredentials | None:
    from botocore.session import get_session

    session, variables = get_session(), inherited_environment()
    if TRIES not in variables:
        session.set_config_variable("metadata_service_num_attempts", 3)
    found = session.get_credentials()
    if found is None:
        raise LookupError
    is_found_by_all = found.method in FOUND_BY_ALL or (found.method == WEB_IDENTITY and TOKEN_FILE in variables)
    return None if is_found_by_all else ProfileCredentials()

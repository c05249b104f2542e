"""Credentials of AWS: whether this process has any, asked before a library that would look for them for half a minute.

Belongs here: the question, and the error where the answer is no.
Does not: finding them for a request, which each library does itself, or whether AWS accepts them.

boto3 knows every place that the others know: variables, profiles, SSO, web identity, containers, and the host's role.
It asks the host's metadata service here three times and waits a second each (unless AWS_METADATA_SERVICE_NUM_ATTEMPTS
and AWS_METADATA_SERVICE_TIMEOUT say otherwise); delta-rs and obstore ask ten times. All of them read the environment of
the process by themselves, so it counts here as it is, whatever settings were read before.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.errors.aws import REQUEST_KEYS
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.values import AWS_KEYS

SIGNING_KEYS = AWS_KEYS[:2]
"""What signs a request; a third one goes with them where they are temporary."""
UNSIGNED, NO_ROLE = "AWS_SKIP_SIGNATURE", "AWS_EC2_METADATA_DISABLED"
TRIES = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"


def expect_credentials(where: str, url: str, options: Mapping[str, str]) -> None:
    """See that requests to `url` can be signed: with the keys of `options`, of the environment, or any others.

    Raises:
        TransientError, PermanentError: it is a bucket, and nobody hands out credentials (`without_credentials`).
    """
    if not url.startswith("s3://") or _are_given(options):
        return
    if _are_given(inherited_environment()):
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


def _are_given(options: Mapping[str, str]) -> bool:
    """Names of options may be written in small letters, as delta-rs and obstore know both."""
    given = {name.upper(): value for name, value in options.items() if value}
    return given.get(UNSIGNED, "").lower() in ("true", "1") or given.keys() >= set(SIGNING_KEYS)


@cache
def _find() -> None:
    """Ask boto3 until it has found some; raises LookupError where it knows none, which is asked again each time."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    try:
        session = get_session()
        if TRIES not in inherited_environment():
            session.set_config_variable("metadata_service_num_attempts", 3)
        found = session.get_credentials()
    except BotoCoreError:  # they are somewhere, and the library that needs them says what is wrong with them
        return
    if found is None:
        raise LookupError

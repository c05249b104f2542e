"""Requests: one page asked for, and asked again as long as it may help.

Belongs here: which failures pass by themselves, how long to wait, and that no secret shows.
Does not: which page is asked for (sources.rest.fetch).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from medallion_assets.errors import PermanentError, SettingsError, TransientError
from medallion_assets.sources.rest.endpoint import Endpoint, parsed, records_of

ATTEMPTS = 6
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 120.0
TIMEOUT_SECONDS = 60.0
TOO_MANY, REQUEST_TIMEOUT, FIRST_SERVER_ERROR = 429, 408, 500
BODY_CHARACTERS = 200
RETRY = "it is asked again; if it stays, look at the API's own status"


class AnswerError(TransientError):
    """A page that may come when it is asked for again, `after` so many seconds where the API says so."""

    def __init__(self, what: str, *, found: object, after: float | None = None) -> None:
        super().__init__(what, found=found, do=RETRY)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Asks an endpoint. `headers` hold secrets; `sleep` waits so many seconds."""

    endpoint: Endpoint
    client: httpx.Client
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep

    def page(self, parameters: Mapping[str, str]) -> tuple[bytes, Any]:
        """The body of a page as it was answered, and what it says.

        Raises:
            PermanentError: the API refuses the request.
            TransientError: it gave no whole answer, however often it was asked.
        """
        asking = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_seconds,
            sleep=self.sleep,
            reraise=True,
        )
        return asking(self._once, parameters)

    def _once(self, parameters: Mapping[str, str]) -> tuple[bytes, Any]:
        url = self.endpoint.url
        try:
            response = self.client.get(url, params={**self.endpoint.parameters, **parameters}, headers=self.headers)
        except httpx.TransportError as error:
            raise AnswerError(f"{url} did not answer", found=self._without_secrets(f"{error!r}")) from None
        found = self._without_secrets(f"{response.status_code}: {response.text[:BODY_CHARACTERS]}")
        if response.status_code in (TOO_MANY, REQUEST_TIMEOUT) or response.status_code >= FIRST_SERVER_ERROR:
            raise AnswerError(f"{url} did not answer", found=found, after=_retry_after(response))
        if not response.is_success:
            raise PermanentError(
                f"{url} refuses the request",
                expected="status 200",
                found=found,
                do="correct Endpoint(...), or the variables that hold the secrets "
                f"({', '.join(self.endpoint.secrets.values()) or 'none are declared'})",
            )
        try:
            answer = parsed(response.content)
        except ValueError as error:
            raise AnswerError(f"{url} gave no whole answer", found=str(error)) from None
        records_of(answer, self.endpoint.records)
        return response.content, answer

    def _without_secrets(self, text: str) -> str:
        for secret in self.headers.values():
            text = text.replace(secret, "***")
        return text


def secret_headers(endpoint: Endpoint, environment: Mapping[str, str]) -> dict[str, str]:
    """The headers whose values are secrets.

    Raises:
        SettingsError: a variable is not set, or holds what no header can; the message names it alone.
    """
    headers = {}
    for header, name in endpoint.secrets.items():
        value = environment.get(name, "")
        if not value or not value.isascii() or not value.isprintable():
            raise SettingsError(
                f"{name} is the secret for {endpoint.url}, and cannot be used",
                expected="a value that is set, of printable ASCII",
                found="none" if not value else "something else",
                do=f"set {name}",
            )
        headers[header] = value
    return headers


def _seconds(state: tenacity.RetryCallState) -> float:
    """How long to wait: as the API says, else twice as long each time; longer than the most is no use to wait for."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AnswerError) and error.after is not None:
        return min(error.after, LONGEST_WAIT_SECONDS)
    return min(FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT_SECONDS)


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds that the header says: a number, or a date; None where it says neither."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        moment: datetime = parsedate_to_datetime(text)
        return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
    return None

"""Requests: one page asked for, and asked again as long as it may help.

Belongs here: which failures pass by themselves, how long to wait, and that no secret shows.
Does not: which page is asked for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import tenacity

from medallion_assets.errors import PermanentError, SettingsError, TransientError
from medallion_assets.sources.rest.endpoint import READ_CHARACTERS, SHOWN_CHARACTERS, Endpoint, parsed, records_of
from medallion_assets.sources.rest.paging import PageAnswer, PageRequest

ATTEMPTS = 6
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 120.0
TIMEOUT_SECONDS = 60.0
TOO_MANY, REQUEST_TIMEOUT, FIRST_SERVER_ERROR = 429, 408, 500
ENCODINGS = ("gzip", "deflate")
"""How an answer may be packed: a piece of it that is read grows at most a thousandfold."""
SHORTEST_SECRET = 4
"""A shorter word of a header, such as a scheme, is left in what is shown."""
RETRY = "it is retried; if it persists, look at the API's own status"


class AnswerError(TransientError):
    """A page that may come when it is asked for again, `after` so many seconds where the API says so."""

    def __init__(self, what: str, *, found: object, after: float | None = None) -> None:
        super().__init__(what, found=found, do=RETRY)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Asks an endpoint. `headers` hold secrets; `sleep` waits so many seconds; `report` is called before it asks again.

    `clock` says how long it is to a moment that the endpoint names.
    A redirect is not followed, and a link to another host is refused: neither is sent a secret.
    """

    endpoint: Endpoint
    client: httpx.Client
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    report: Callable[[str], object] = lambda _: None

    def page(self, ends: Mapping[str, str], ask: PageRequest) -> PageAnswer:
        """A page of the window with some ends.

        Raises:
            PermanentError: the API refuses the request, or answers what cannot be kept.
            TransientError: it gave no whole answer, however often it was asked.
        """
        asking = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_seconds,
            sleep=self.sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        return asking(self._once, ends, ask)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self.report(f"asked again: {state.outcome and state.outcome.exception()}")

    def _once(self, ends: Mapping[str, str], ask: PageRequest) -> PageAnswer:
        url, sent = self.endpoint.url, {"Accept-Encoding": ", ".join(ENCODINGS), **self.headers}
        parameters = {**self.endpoint.parameters, **ends, **dict([ask.parameter] if ask.parameter else [])}
        try:
            with self.client.stream(
                "GET",
                self._followed(ask.link) if ask.link else url,
                params=None if ask.link else parameters,
                headers=sent,
                follow_redirects=False,
            ) as response:
                body = self._body(response)
                link = response.links.get("next", {}).get("url")
                dated = _date(response.headers.get("Date", ""))
        except httpx.RequestError as error:
            raise AnswerError(f"{url} did not answer", found=self._without_secrets(f"{error!r}")) from None
        try:
            answer = PageAnswer(body=body, said=parsed(body), link=link, dated=dated)
        except ValueError as error:
            raise AnswerError(f"{url} gave an answer that cannot be read", found=str(error)) from None
        try:
            records_of(answer.said, self.endpoint.records, shown=self._without_secrets)
        except TransientError as error:
            raise AnswerError(f"{url} gave an answer without records", found=str(error)) from None
        return answer

    def _body(self, response: httpx.Response) -> bytes:
        """The whole body of an answer that is one, unpacked."""
        packed = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in (*ENCODINGS, "identity"):
            raise self._refused("the answer has a compression that was not requested", " or ".join(ENCODINGS), packed)
        if response.is_success:
            most = self.endpoint.most_page_bytes
            body = _read(response, most + 1)
            if len(body) > most:
                raise self._refused(
                    "a page is too large",
                    f"at most most_page_bytes, {most:,} bytes when unpacked",
                    "more",
                    do="ask for fewer records a page by parameters in Endpoint(...), or raise most_page_bytes",
                )
            return body
        text = _read(response, READ_CHARACTERS).decode("utf-8", "replace")
        found = self._without_secrets(f"{response.status_code}: {text}")[:SHOWN_CHARACTERS]
        if response.status_code in (TOO_MANY, REQUEST_TIMEOUT) or response.status_code >= FIRST_SERVER_ERROR:
            raise AnswerError(
                f"{self.endpoint.url} did not answer", found=found, after=_retry_after(response, self.clock())
            )
        if response.has_redirect_location:
            found = self._without_secrets(f"{response.status_code}, to {response.headers['Location']}")
        variables = ", ".join(self.endpoint.secrets.values()) or "none are declared"
        do = f"correct Endpoint(...), or the variables that hold the secrets ({variables})"
        raise self._refused("the request is refused", "status 200", found, do=do)

    def _followed(self, link: str) -> httpx.URL:
        """A link as a URL, if it leads to where the endpoint is."""
        here = httpx.URL(self.endpoint.url)
        try:
            there = here.join(link)
        except httpx.InvalidURL as error:
            raise self._refused("the link to the next page is invalid", "a URL", str(error)) from None
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise self._refused(
                "the link to the next page leads to another host, which is not called: the secrets are not meant for "
                "it",
                f"{here.scheme}://{here.netloc.decode()}",
                f"{there.scheme}://{there.netloc.decode()}",
            )
        return there

    def _refused(self, what: str, expected: str, found: str, *, do: str = "correct Endpoint(...)") -> PermanentError:
        return PermanentError(what, where=self.endpoint.url, expected=expected, found=found, do=do)

    def _without_secrets(self, text: str) -> str:
        """A text in which no secret stands, nor a word of one: APIs show the token without what stands before it."""
        words = {word for secret in self.headers.values() for word in (secret, *secret.split())}
        for word in sorted(words, key=len, reverse=True):
            text = re.sub(_spellings(word), "***", text) if len(word) >= SHORTEST_SECRET else text
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


def _spellings(word: str) -> str:
    """A pattern of a word of ASCII as it is, or as JSON or a URL has it: any of its characters may be escaped."""
    return "".join(rf"(?:\\?{re.escape(c)}|(?i:\\u{ord(c):04x}|%{ord(c):02x}))" for c in word)


def _seconds(state: tenacity.RetryCallState) -> float:
    """How long to wait: as the API says, else twice as long each time; longer than the most is no use to wait for."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AnswerError) and error.after is not None:
        return min(error.after, LONGEST_WAIT_SECONDS)
    return min(FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT_SECONDS)


def _read(response: httpx.Response, most: int) -> bytes:
    """The first bytes of a body, unpacked; what comes after is not read."""
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """The seconds that the header says: a number, or a date; None where it says neither."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    moment = _date(text)
    return None if moment is None else max((moment - now).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    """A moment as headers have it; None of what is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)

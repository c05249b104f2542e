"""Whom alerts go to: the kinds of alerts, and the variables that name their recipients.

Belongs here: which kinds there are, `MEDALLION_ALERTS_...` and `MEDALLION_ALERT_JOBS`, and what their values may be.
Does not: whether a URL can be sent to, or whether a table or job is there.

Of a wrong value no message shows what it holds where that may be a URL: they are secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from medallion_assets.errors import SettingsError
from medallion_assets.errors.nearest import nearest_name
from medallion_assets.settings.values import json_object, not_allowed

WARNINGS_OF_THEIR_OWN = ("gap", "unprotected_minute", "schema_drift", "no_new_records")
"""Kinds that go to the recipients of warnings where nobody is named for them."""
ALERT_KINDS = ("failure", "warning", *WARNINGS_OF_THEIR_OWN, "skipped", "success")
"""The kinds of alerts, each with a list of URLs of its own."""
ALERT_CHOICES = ("failures", "every_run")
ALERT_JOBS, RECIPIENTS = "MEDALLION_ALERT_JOBS", "MEDALLION_ALERTS_FOR"


def read_alert_urls(env: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The URLs (secrets) for each kind of alert."""
    return {kind: tuple(env.get(f"MEDALLION_ALERTS_{kind.upper()}", "").split()) for kind in ALERT_KINDS}


def read_recipients(env: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The URLs (secrets) for each table or job that has recipients of its own.

    Raises:
        SettingsError: it is no JSON object of names with URLs.
    """
    if not env.get(RECIPIENTS):
        return {}
    example = 'such as {"gold.daily_sales_summary": "slack://...", "ingest": "mailto://... json://..."}'
    try:
        given = json_object(env, RECIPIENTS, example)
    except SettingsError:
        raise not_allowed(RECIPIENTS, f"a JSON object, {example}", "something else, which is not shown") from None
    for name, urls in given.items():
        if not isinstance(urls, str) or not urls.split():
            raise not_allowed(RECIPIENTS, f"URLs separated by spaces, {example}", f"another value of {name}")
    return {name: tuple(urls.split()) for name, urls in given.items()}


def read_alert_jobs(env: Mapping[str, str]) -> dict[str, str]:
    """Which runs of a job raise an alert.

    Raises:
        SettingsError: it is no JSON object of jobs with ALERT_CHOICES.
    """
    example = 'such as {"ingest": "failures", "daily_gold_and_publish": "every_run"}'
    chosen = json_object(env, ALERT_JOBS, example)
    for of_job in chosen.values():
        if of_job not in ALERT_CHOICES:
            raise not_allowed(ALERT_JOBS, f"{' or '.join(ALERT_CHOICES)} for each job", of_job)
    return {job: str(of_job) for job, of_job in chosen.items()}


def expect_names(variable: str, names: Collection[str], known: Collection[str], what: str) -> None:
    """See that every name of a variable is one that there is.

    Raises:
        SettingsError: one is not; the message names the nearest that there is.
    """
    for name in names:
        if name in known:
            continue
        alike = nearest_name(name, known)
        raise SettingsError(
            f"{variable} names {name!r}, which is not a known {what}",
            expected=alike or f"{what} among {', '.join(sorted(known))}",
            found=name,
            do=f"did you mean {alike}?" if alike else f"correct or remove it in {variable}",
        )

"""Alerts reach real SMTP and HTTP servers once, survive channels that are down, and tell no secret."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import SettingsError
from medallion_assets.operations.alerts import delivery as alert_delivery
from medallion_assets.operations.alerts.channels import Channel, channels_of
from medallion_assets.operations.alerts.delivery import Host, check_alert_urls, deliver_due, message, send
from medallion_assets.operations.alerts.marks import Marks
from medallion_assets.operations.alerts.outbox import DueAlerts
from medallion_assets.operations.tables.alerts import Alert, Event, raise_alerts, read_events
from medallion_assets.settings import load_settings
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.services.listeners import Webhook, mail_server, web_server
from medallion_assets_tests.services.processes import free_port

NOW = datetime(2025, 5, 1, 12, tzinfo=UTC)
UI = "http://127.0.0.1:3000"
HOST = Host(ui_url=UI)
SECRET = "Tr0ub4dor"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with web_server() as webhook:
        yield webhook


def channels_to(urls: Mapping[str, Iterable[str]]) -> list[Channel]:
    """The channels of some URLs by kind."""
    return channels_of(load_settings({f"MEDALLION_ALERTS_{kind.upper()}": " ".join(of) for kind, of in urls.items()}))


def alert(key: str, *, kind: str = "failure") -> Alert:
    return Alert(
        key=key, kind=kind, what=f"{key} failed", where="silver.customers", do="look", run_id="r1", job="refine"
    )


def deliver(
    lake: Lakehouse,
    *urls: str,
    now: datetime = NOW,
    clock: Callable[[], float] = time.monotonic,
    **more: tuple[str, ...],
) -> DueAlerts:
    channels = channels_to({"failure": urls, **more})
    with dg.DagsterInstance.ephemeral() as instance:
        return deliver_due(lake, channels, host=HOST, now=now, marks=Marks(instance.run_storage), clock=clock)


def events(lake: Lakehouse) -> list[tuple[str, str, str | None]]:
    """What happened on channels, in order, without what was taken."""
    rows = read_events(lake, NOW + timedelta(days=1))
    return [
        (row.alert_key, row.event.value, row.error) for row in rows if row.event not in (Event.RAISED, Event.SENDING)
    ]


def test_a_message_says_what_where_what_to_do_and_where_to_look() -> None:
    title, body = message(alert("Silver"), host=HOST)
    assert title == "Failure: Silver failed"
    assert body.splitlines() == [
        "Silver failed",
        "",
        "Where: silver.customers",
        "What to do: look",
        "Job: refine",
        f"Look: {UI}/runs/r1",
    ]


def test_commands_are_as_they_are_typed_where_the_message_is_read() -> None:
    """Also those of an error that is passed on; what is no command of ours stays."""
    error = "it is broken; what to do: `medallion verify --deep`, then `aws s3 ls`"
    failed = Alert(key="a", kind="failure", what=error, where="w", do="`dagster asset list`, or ask who runs dagster")
    title, body = message(failed, host=Host(command_prefix="deploy/as-medallion"))
    assert title.startswith("Failure: it is broken; what to do: `deploy/as-medallion medallion verify --deep`")
    assert "`deploy/as-medallion medallion verify --deep`, then `aws s3 ls`" in body
    assert "What to do: `deploy/as-medallion dagster asset list`, or ask who runs dagster" in body


def test_a_title_is_one_short_line() -> None:
    long = Alert(key="a", kind="success", what="first\nsecond " + "x" * 200, where="w", do="d")
    title, body = message(long, host=HOST)
    assert title.startswith("Success: first second xxx")
    assert len(title) == len("Success: ") + 120
    assert body.endswith(f"Look: {UI}")


@pytest.mark.parametrize(("what", "do"), [("w" * 4000, "d" * 700), ("w", "d" * 4000)], ids=["what", "do"])
def test_a_message_fits_the_service_that_refuses_longer_ones_for_good(
    empty_lakehouse: Lakehouse, hook: Webhook, what: str, do: str
) -> None:
    """Mattermost here; Discord takes 2,000 characters, Pushover 1,024. What to do and where to look go before."""
    long = Alert(key="a", kind="failure", what=what, where="silver.customers", do=do, run_id="r1")
    raise_alerts(empty_lakehouse, [long], NOW)
    deliver(empty_lakehouse, f"mmost://127.0.0.1:{hook.port}/3ccdd113474722377935511fc85d3dd4")
    ((_, post),) = hook.posts
    assert len(post["text"]) <= 4000
    assert "\nWhere: silver.customers\nWhat to do: ddd" in post["text"]
    assert post["text"].endswith(f"Look: {UI}/runs/r1") == (len(do) == 700)


def test_a_url_may_ask_for_the_rest_of_a_message(empty_lakehouse: Lakehouse, hook: Webhook) -> None:
    long = Alert(key="a", kind="failure", what="w" * 5000, where="silver.customers", do="d" * 4000)
    raise_alerts(empty_lakehouse, [long], NOW)
    deliver(empty_lakehouse, f"mmost://127.0.0.1:{hook.port}/3ccdd113474722377935511fc85d3dd4?overflow=split")
    text = "".join(post["text"] for _, post in hook.posts)
    assert text.count("w") >= 4000
    assert text.count("d") > 4000


def test_mail_comes_once_with_its_link(empty_lakehouse: Lakehouse) -> None:
    with mail_server() as mailbox:
        url = f"mailto://127.0.0.1:{mailbox.port}?from=us@example.com&to=them@example.com&format=text"
        raise_alerts(empty_lakehouse, [alert("Silver")], NOW)
        deliver(empty_lakehouse, url)
        deliver(empty_lakehouse, url, now=NOW + timedelta(hours=1))
    (mail,) = mailbox.messages
    assert mail["Subject"] == "Failure: Silver failed"
    assert f"{UI}/runs/r1" in str(mail.get_payload(decode=True))
    assert events(empty_lakehouse) == [("Silver", "delivered", None)]


def test_each_kind_goes_to_its_own_channels_all_of_them(empty_lakehouse: Lakehouse, hook: Webhook) -> None:
    base = f"json://127.0.0.1:{hook.port}"
    raise_alerts(empty_lakehouse, [alert("a"), alert("b", kind="success"), alert("c", kind="skipped")], NOW)
    due_alerts = deliver(empty_lakehouse, f"{base}/one", f"{base}/two", success=(f"{base}/three",))
    assert sorted((path, body["title"], body["type"]) for path, body in hook.posts) == [
        ("/one", "Failure: a failed", "failure"),
        ("/three", "Success: b failed", "success"),
        ("/two", "Failure: a failed", "failure"),
    ]
    assert due_alerts.next_due_at is None


def test_a_channel_that_is_down_delays_no_other_and_gets_all_when_it_is_back(empty_lakehouse: Lakehouse) -> None:
    down = Webhook(free_port())
    with web_server() as up:
        urls = (f"json://127.0.0.1:{down.port}", f"json://127.0.0.1:{up.port}")
        raise_alerts(empty_lakehouse, [alert("a"), alert("b")], NOW)
        due_alerts = deliver(empty_lakehouse, *urls)
        assert up.titles == ["Failure: a failed", "Failure: b failed"]
        assert due_alerts.next_due_at is None
        assert events(empty_lakehouse)[0] == ("a", "failed", "could not be reached, or refused the message")
        again = deliver(empty_lakehouse, *urls, now=NOW + timedelta(seconds=29))
        assert (again.due, again.next_due_at) == ([], NOW + timedelta(seconds=30))
    with web_server(down):  # all that senders know lies in the table: this may be another process
        deliver(empty_lakehouse, *urls, now=NOW + timedelta(seconds=70))
        deliver(empty_lakehouse, *urls, now=NOW + timedelta(seconds=71))
        assert deliver(empty_lakehouse, *urls, now=NOW + timedelta(days=1)).due == []
    assert sorted(down.titles) == ["Failure: a failed", "Failure: b failed"]
    assert len(up.titles) == 2


def test_what_a_channel_refuses_is_told_by_its_status(empty_lakehouse: Lakehouse, hook: Webhook) -> None:
    hook.status, hook.answer = 503, b"no_service"
    raise_alerts(empty_lakehouse, [alert("a")], NOW)
    deliver(empty_lakehouse, f"mmost://127.0.0.1:{hook.port}/3ccdd113474722377935511fc85d3dd4")
    assert events(empty_lakehouse) == [("a", "failed", "answered with HTTP status 503")]


def test_who_does_not_answer_is_given_up_in_time(hook: Webhook) -> None:
    hook.gate.clear()
    (channel,) = channels_to({"failure": [f"json://127.0.0.1:{hook.port}"]})
    assert send(channel, alert("a"), host=HOST, seconds=0.05) == "no answer within 0 s"


def test_nothing_is_begun_when_the_time_is_over(empty_lakehouse: Lakehouse, hook: Webhook) -> None:
    raise_alerts(empty_lakehouse, [alert("a"), alert("b")], NOW)
    ticks = iter([0.0, 1.0, 5.0])
    url = f"json://127.0.0.1:{hook.port}"
    deliver(empty_lakehouse, url, clock=lambda: next(ticks))
    assert hook.titles == ["Failure: a failed"]
    deliver(empty_lakehouse, url, now=NOW + timedelta(seconds=60))
    assert hook.titles == ["Failure: a failed", "Failure: b failed"]


def test_the_time_begins_once_what_sends_is_loaded(
    monkeypatch: pytest.MonkeyPatch, empty_lakehouse: Lakehouse, hook: Webhook
) -> None:
    """It takes seconds, on a busy machine more than there are."""
    raise_alerts(empty_lakehouse, [alert("a")], NOW)
    clock = FakeClock()
    monkeypatch.setattr(alert_delivery, "_load_apprise", lambda: clock.sleep(10))
    monkeypatch.setattr(alert_delivery, "send", lambda *_, **__: None)
    deliver(empty_lakehouse, f"json://127.0.0.1:{hook.port}", clock=clock)
    assert events(empty_lakehouse) == [("a", "delivered", None)]


def test_two_senders_at_once_send_once(empty_lakehouse: Lakehouse, hook: Webhook) -> None:
    raise_alerts(empty_lakehouse, [alert("a"), alert("b")], NOW)
    with ThreadPoolExecutor(4) as senders:
        list(senders.map(lambda _: deliver(empty_lakehouse, f"json://127.0.0.1:{hook.port}"), range(4)))
    assert hook.titles == ["Failure: a failed", "Failure: b failed"]


def test_no_secret_is_logged_or_kept(
    empty_lakehouse: Lakehouse, hook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    urls = (
        f"json://user:{SECRET}@127.0.0.1:{hook.port}/{SECRET}?-token={SECRET}",
        f"mmost://127.0.0.1:{hook.port}/{SECRET}",
        f"mailto://user:{SECRET}@127.0.0.1:{free_port()}?from=us@example.com",
    )
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3.connectionpool")
    raise_alerts(empty_lakehouse, [alert("a")], NOW)
    deliver(empty_lakehouse, *urls)
    hook.status = 200
    deliver(empty_lakehouse, *urls, now=NOW + timedelta(hours=1))
    assert sorted(path for path, _ in hook.posts) == [f"/{SECRET}?token={SECRET}", f"/hooks/{SECRET}"]
    assert [key for key, event, _ in events(empty_lakehouse) if event == "failed"]
    files = [path.read_bytes() for path in Path(empty_lakehouse.url).rglob("*") if path.is_file()]
    assert SECRET not in caplog.text
    assert not [data for data in files if SECRET.encode() in data]
    assert SECRET not in repr(channels_to({"failure": urls}))


def test_others_may_still_log_what_they_send(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    check_alert_urls(load_settings({"MEDALLION_ALERTS_FAILURE": "json://localhost"}))
    logging.getLogger("urllib3.connectionpool").warning("ours")
    assert "ours" in caplog.text


@pytest.mark.parametrize(
    ("kind", "urls", "place", "scheme"),
    [
        ("FAILURE", f"json://localhost {SECRET}", 2, "?"),
        ("WARNING", f"slak://{SECRET}", 1, "slak"),
        ("SKIPPED", f"mailto://{SECRET}:{SECRET}@", 1, "mailto"),
        ("SUCCESS", f"json://localhost pagerduty://{SECRET}", 2, "pagerduty"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_by_its_place(
    kind: str, urls: str, place: int, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SettingsError) as refused:
        check_alert_urls(load_settings({f"MEDALLION_ALERTS_{kind}": urls}))
    assert f"MEDALLION_ALERTS_{kind}: URL {place} is not a valid Apprise URL" in str(refused.value)
    assert f"found: {scheme}://..." in str(refused.value)
    assert SECRET not in str(refused.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://user:password@example.com",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "workflow://example.com:443/643a8b03-ff2d/643a8b03ff2d",
        "pagerduty://A1BRTD4JD@643a8b03ff2d643a8b03ff2d643a8b03",
        "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/wmNsdjJGkdVMKDsdS/us-west-2/12223334444",
        "json://localhost/path",
    ],
)
def test_the_services_that_teams_use_are_known(url: str) -> None:
    check_alert_urls(load_settings({"MEDALLION_ALERTS_FAILURE": url}))

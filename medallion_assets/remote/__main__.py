"""The entry point of a remote process: one stage, from its arguments, with this process's own settings.

Belongs here: arguments, running the stage, and how this process ends.
Does not: the stage (stages), or the messages.

`python -m medallion_assets.remote --table gold.daily_sales_summary --place <url>` is what Dagster starts. By hand,
without a place, it takes the run from its arguments and prints what it reports.
"""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dagster_pipes import PipesContext

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.contracts.run_days import day_tags, parse_days
from medallion_assets.delta.lakehouse import lakehouse_of
from medallion_assets.delta.notes.authors import RUN_ID, STARTED_BY
from medallion_assets.engines.choice import engine_of
from medallion_assets.errors import MedallionError, SettingsError
from medallion_assets.errors.native import native_failures
from medallion_assets.publishing.serving import Serving
from medallion_assets.remote.messages import send, send_end
from medallion_assets.remote.pipes import open_pipes
from medallion_assets.remote.place import RemotePlace
from medallion_assets.remote.request import PROJECT, Request, release
from medallion_assets.remote.watching import ended_with
from medallion_assets.settings import Settings, load_settings
from medallion_assets.settings.account import account
from medallion_assets.stages.all import stage_named
from medallion_assets.stages.reports import Report
from medallion_assets.stages.work import BY_HAND, Log, Repeating, Work

FAILED, TOLD_TO_END = 1, 130


class ToldToEndError(BaseException):
    """Somebody ended the process: no failure of the stage, and nothing that a stage may catch."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage; the exit code is 0 when it succeeded."""
    given = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"medallion-remote: {error}")
    if not given.place:
        return _run(settings, _request(given, settings), log=_printed(), tell=print, end=_print_end)
    place = RemotePlace(given.place, settings.storage_options)
    with _cleared_if_over(place), open_pipes(place) as pipes:
        request = Request.model_validate(pipes.get_extra("request"))
        with ended_with(place, request.look_seconds):
            return _run(settings, request, log=pipes.log, tell=partial(send, pipes), end=partial(_send_end, pipes))


def run_stage(
    settings: Settings, catalog: Catalog, request: Request, *, log: Log, tell: Callable[[Report], None]
) -> None:
    """Do what a request asks for, with the lakehouse, the engine and the rights of this process.

    Raises:
        SettingsError: this process has another version of the project, or lakehouse, than the one that asks.
        MedallionError: what the stage raises.
    """
    _expect_same(
        "version of the project",
        request.version,
        release(),
        do="install there what Dagster has: the wheel, archive or checkout, built again from the same source",
    )
    _expect_same(
        "lakehouse", request.lakehouse_url, settings.lakehouse_url, do="set MEDALLION_LAKEHOUSE_URL there as here"
    )
    stage = stage_named(catalog, settings.first_day, request.table)
    author = {RUN_ID: request.run_id, STARTED_BY: request.started_by}
    work = Work(
        lake=lakehouse_of(settings, catalog, author=author, engine=engine_of(settings)),
        raw_url=settings.raw_url,
        now=request.now,
        run_id=request.run_id,
        log=log,
        tags=request.tags,
        trigger=request.trigger,
        started_by=request.started_by,
        rows_loaded=request.rows_loaded,
        repeating=Repeating.of(settings),
        serving=Serving.of(settings),
    )
    with native_failures(request.table):
        for report in stage.reports(work, stage.asked.model_validate(request.asked)):
            tell(report)


def _expect_same(what: str, here: str, there: str, *, do: str) -> None:
    if here != there:
        raise SettingsError(f"the remote process has another {what}", expected=here, found=there, do=do)


def _run(
    settings: Settings,
    request: Request,
    *,
    log: Log,
    tell: Callable[[Report], None],
    end: Callable[[BaseException | None], None],
) -> int:
    try:
        run_stage(settings, load_catalog(settings.pipelines), request, log=log, tell=tell)
    except ToldToEndError:
        log.warning("told to end; what was not committed is not in the table")
        return TOLD_TO_END
    except Exception as error:
        if not isinstance(error, MedallionError):
            logging.getLogger(PROJECT).exception("a fault of the project")
        end(error)
        return FAILED
    end(None)
    return 0


@contextmanager
def _cleared_if_over(place: RemotePlace) -> Iterator[None]:
    """Take away what this process said after nobody waited for it any more."""
    try:
        yield
    finally:
        with suppress(MedallionError):
            if place.is_over:
                place.clear()


def _send_end(pipes: PipesContext, failure: BaseException | None) -> None:
    send_end(pipes, peak_memory_bytes=_peak_memory_bytes(), failure=failure)


def _peak_memory_bytes() -> int:
    """What the kernel says of this program; a rusage holds what the process that started it had as well."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _print_end(failure: BaseException | None) -> None:
    if failure is not None:
        sys.stderr.write(f"{failure}\n")


def _printed() -> logging.Logger:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return logging.getLogger(PROJECT)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise ToldToEndError


def _request(given: argparse.Namespace, settings: Settings) -> Request:
    return Request(
        table=given.table,
        run_id=given.run_id or str(uuid.uuid4()),
        now=datetime.now(UTC),
        tags=day_tags(parse_days(given.days)) if given.days else {},
        started_by=account(),
        trigger=BY_HAND,
        lakehouse_url=settings.lakehouse_url,
        version=release(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="medallion-remote", description="Run one stage in this process.")
    parser.add_argument("--table", required=True, help="the table that the stage writes: layer.table")
    parser.add_argument(
        "--place", help="where Dagster's request is stored and messages go: a path or s3://bucket/prefix"
    )
    parser.add_argument("--days", help="without a place: such as 2025-01-03, or 2025-01-03...2025-01-05")
    parser.add_argument("--run-id", help="without a place: the run that commits name")
    return parser


if __name__ == "__main__":
    sys.exit(main())

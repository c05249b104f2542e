"""What Dagster's processes log, as lines for a person who watches.

Belongs here: which of these lines say something, and in which words.
Does not: colours, or where the lines come from. Nothing is lost: the UI shows every log whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

COLOUR = re.compile(r"\x1b\[[\d;]*m")
RECORD = re.compile(
    r"\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d) [+-]\d{4} - (?P<logger>\S+) - (?P<level>[A-Z]+) - (?P<text>.*)"
)
OF_A_RUN = re.compile(
    r"(?P<job>\S+) - (?P<run_id>[0-9a-f]{8}-[0-9a-f-]{27}) - (?:\d+ - )?"
    r"(?:[a-z]\w*__\w+ - )?(?:(?P<event>[A-Z]+(?:_[A-Z]+)+) - )?(?P<message>.*)"
)
ERROR = re.compile(r"[\w.]*[A-Z]\w*: (?P<message>.+)")
"""The first line of an exception, as Dagster prints it before the stack."""
SAYS_NOTHING = ("No cursor for event type", "Dependencies for step")
RUN_LOGGER = "dagster"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line to show; `subject` is the job, or the part of Dagster that speaks."""

    time: str
    subject: str
    message: str
    kind: Literal["plain", "warned", "failed"] = "plain"


class DagsterLog:
    """Lines as they come, turned into those that are worth showing.

    A step that failed is one line with its error, a run that failed one with its address. Stacks of runs are left to
    the UI; what is no record of a run is shown as it is.
    """

    def __init__(self, ui_url: str) -> None:
        self._ui_url = ui_url
        self._within_run = False
        self._failed: LogLine | None = None

    def read(self, line: str) -> LogLine | None:
        """The next line, or what to show for it."""
        line = COLOUR.sub("", line).rstrip()
        record = RECORD.fullmatch(line)
        if record is None:
            return self._continued(line)
        self._within_run, self._failed = False, None
        text, level = record["text"], record["level"]
        run = OF_A_RUN.fullmatch(text) if record["logger"] == RUN_LOGGER else None
        self._within_run = run is not None
        message = text if run is None else run["message"]
        if message.startswith(SAYS_NOTHING):
            return None
        if run is None:
            return LogLine(record["time"], record["logger"], message, _kind(level))
        if run["event"] == "STEP_FAILURE":
            self._failed = LogLine(record["time"], run["job"], message, "failed")
            return None
        if run["event"] == "RUN_FAILURE":
            message = f"this run failed: {self._ui_url}/runs/{run['run_id']}"
        return LogLine(record["time"], run["job"], message, _kind(level))

    def _continued(self, line: str) -> LogLine | None:
        """A line that belongs to the record before it, or to none."""
        if not self._within_run:
            return LogLine("", "", line) if line else None
        error = ERROR.fullmatch(line)
        if self._failed is None or error is None:
            return None
        failed, self._failed = self._failed, None
        return LogLine(failed.time, failed.subject, error["message"], failed.kind)


def _kind(level: str) -> Literal["plain", "warned", "failed"]:
    return "failed" if level in {"ERROR", "CRITICAL"} else "warned" if level == "WARNING" else "plain"

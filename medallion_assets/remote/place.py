"""The place of a remote attempt: a folder in the object store through which both sides speak.

Belongs here: which objects lie in it, reading and writing them.
Does not: what they mean, or which attempt is next.

Every message is an object of its own, numbered from 1, that is never written over: what was said is there before the
next thing happens, a process that is killed loses nothing, and of two processes at one place the second one stops.
Once Dagster has noted the end of an attempt nobody reads the rest any more: whoever comes by removes it, and a process
that is still at work there ends. No setting and no secret is ever written here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError

from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.storage.failures import store_errors
from medallion_assets.storage.stores import open_store, read_bytes

LOG = logging.getLogger(__name__)

REQUEST, JOB, END = "request.json", "job.json", "end.json"
MESSAGE_NAME = re.compile(r"message-[0-9]{6,}\.json")
"""What `message_name` gives."""


@dataclass(frozen=True)
class RemotePlace:
    """One attempt's folder; `url` is a local path or `s3://bucket/prefix`."""

    url: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def read(self, name: str) -> dict[str, Any] | None:
        """What an object says; None when there is none.

        Raises:
            PermanentError, TransientError: see `store_errors`.
        """
        content = read_bytes(open_store(self.url, self.storage_options), name)
        return None if content is None else json.loads(content)

    def write_once(self, name: str, said: Mapping[str, Any]) -> None:
        """Write an object that is not there. Who writes the same again, as after an answer that was lost, is right.

        Raises:
            PermanentError: another process has written something else there.
            TransientError: see `store_errors`.
        """
        content = json.dumps(said).encode()
        store = open_store(self.url, self.storage_options)
        with store_errors(name), suppress(AlreadyExistsError):
            obstore.put(store, name, content, mode="create")
            return
        if read_bytes(store, name) != content:
            raise PermanentError(
                f"another process writes to {self.url}",
                expected=f"no {name}, or the same",
                found="another one",
                do="leave it to the other process, which runs the stage",
            )

    @property
    def is_over(self) -> bool:
        """Whether Dagster has seen the end of the attempt, and waits for nothing any more.

        Raises:
            PermanentError, TransientError: see `store_errors`.
        """
        return self.read(END) is not None

    def clear(self) -> None:
        """Remove all but the mark of the end. What cannot be removed lies there until old attempts are removed."""
        try:
            store = open_store(self.url, self.storage_options)
            with store_errors(self.url):
                for objects in obstore.list(store):
                    obstore.delete(store, [found["path"] for found in objects if found["path"] != END])
        except MedallionError as error:
            LOG.warning("messages that are no longer needed could not be removed: %s", error)

    def messages(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """The messages that there are, in order, but for the first ones."""
        number = after + 1
        while (message := self.read(message_name(number))) is not None:
            yield message
            number += 1


def message_name(number: int) -> str:
    """What a message is called."""
    return f"message-{number:06}.json"

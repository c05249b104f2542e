"""Clients for which something goes wrong, or something else happens, at one chosen call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class KilledError(BaseException):
    """The process ended at this moment: nothing that runs afterwards may count on it."""


class _CountingClient:
    """`client`, whose call number `at` (from 0) goes another way."""

    def __init__(self, client: Any, at: int) -> None:
        self.calls = 0
        self._client = client
        self._at = at
        self._counting = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(*names: Any, **request: Any) -> Any:
            with self._counting:
                number = self.calls
                self.calls += 1
            if number == self._at:
                return self._instead(lambda: operation(*names, **request))
            return operation(*names, **request)

        return call

    def _instead(self, done: Callable[[], Any]) -> Any:
        raise NotImplementedError


class FaultyClient(_CountingClient):
    """Its call number `at` raises `error`: before anything was done, or after (`answer_lost`)."""

    def __init__(self, client: Any, *, at: int, answer_lost: bool, error: BaseException) -> None:
        super().__init__(client, at)
        self._answer_lost = answer_lost
        self._error = error

    def _instead(self, done: Callable[[], Any]) -> Any:
        if self._answer_lost:
            done()
        raise self._error


class InterleavedClient(_CountingClient):
    """Something else happens as a whole just before its call number `at`."""

    def __init__(self, client: Any, *, at: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(client, at)
        self._meanwhile = meanwhile

    def _instead(self, done: Callable[[], Any]) -> Any:
        self._meanwhile()
        return done()

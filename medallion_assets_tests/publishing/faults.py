"""Clients for which something goes wrong, or something else happens, at one chosen call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class KilledError(BaseException):
    """The process ended at this moment: nothing that runs afterwards may count on it."""


class FaultyClient:
    """`client`, whose call number `at` (from 0) raises `error`: before anything was done, or after (`answer_lost`)."""

    def __init__(self, client: Any, *, at: int, answer_lost: bool, error: BaseException) -> None:
        self.calls = 0
        self._client = client
        self._at = at
        self._answer_lost = answer_lost
        self._error = error
        self._counting = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(*names: Any, **request: Any) -> Any:
            with self._counting:
                number = self.calls
                self.calls += 1
            if number == self._at and not self._answer_lost:
                raise self._error
            answer = operation(*names, **request)
            if number == self._at:
                raise self._error
            return answer

        return call


class InterleavedClient:
    """`client`, with something else happening as a whole just before call number `at` (from 0)."""

    def __init__(self, client: Any, *, at: int, meanwhile: Callable[[], object]) -> None:
        self.calls = 0
        self._client = client
        self._at = at
        self._meanwhile = meanwhile
        self._counting = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(*names: Any, **request: Any) -> Any:
            with self._counting:
                number = self.calls
                self.calls += 1
            if number == self._at:
                self._meanwhile()
            return operation(*names, **request)

        return call

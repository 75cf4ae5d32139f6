"""The running call: its role, and the position of the next job that it adds.

The host repeats a call when an attempt is retried, or when it does not know whether a handler was called. An added job
has the same position (job, role, number of the add) each time, so the position serves as its idempotency key.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from . import _host

T = TypeVar("T")

_role: str | None = None
_adds = 0


class Position(NamedTuple):
    """The key of an added job, and its number among those that the call adds."""

    key: str
    number: int


def run(role: str | None, call: Callable[[], T]) -> T:
    """Runs a call; ``role`` is ``None`` if the host does not repeat it identically.

    Flushes the output afterwards, because buffered text would appear in the next job's log.
    """
    global _role, _adds
    outer = _role, _adds
    _role, _adds = role, 0
    try:
        return call()
    finally:
        _role, _adds = outer
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def next_position() -> Position | None:
    """Takes the next position; ``None`` if the job has no id yet, or if the call is not repeated identically."""
    global _adds
    if _role is None:
        return None
    number = _adds
    _adds += 1
    host = _host.current()
    return Position(f"{host.task()}/{host.id()}/{_role}/{number}", number)

"""Errors with a code for programs, and what becomes of any other exception."""

from __future__ import annotations

import math
import traceback
from datetime import timedelta
from types import TracebackType
from typing import Any, NamedTuple

from ._json import dumps

_EXCEPTION = "exception"


class Problem(Exception):
    """An error with a short, stable code in kebab case: what the functions of ``tasks`` raise.

    Raised from a processor, it means a retry. The host keeps at most 64 KiB of ``details`` as JSON.
    """

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Reject(Problem):
    """No attempt can succeed: the job ends as FAILURE now."""


class Retry(Problem):
    """Another attempt may succeed, after the task's ``attempt_after``."""


class RetryAfter(Problem):
    """Another attempt may succeed after ``after``, in seconds (at most 30 days)."""

    def __init__(self, after: float | timedelta, code: str, message: str, details: Any = None) -> None:
        super().__init__(code, message, details)
        self.after_ms = millis(after)


class Raised(NamedTuple):
    """An exception in the terms of the contract: ``details`` is JSON text."""

    code: str
    message: str
    details: str | None


def describe(error: BaseException) -> Raised:
    """Describes any exception: its code, a sentence, and its details or its traceback."""
    if isinstance(error, Problem):
        return Raised(str(error.code), str(error.message), _details(error.details))
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    causes = set()
    cause = error.__cause__
    while cause is not None and id(cause) not in causes:
        causes.add(id(cause))
        message += f": {cause}"
        cause = cause.__cause__
    trace = "".join(traceback.format_exception(type(error), error, _own_frames(error)))
    return Raised(_EXCEPTION, message, dumps({"traceback": trace}))


def _own_frames(error: BaseException) -> TracebackType | None:
    """The traceback without this package's frames at its begin: they are the same for all errors."""
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None and frames.tb_frame.f_globals.get("__package__") == __package__:
        frames = frames.tb_next
    return frames


def _details(details: Any) -> str | None:
    """Details only supplement the message, so those that cannot be serialized are dropped."""
    if details is None:
        return None
    try:
        return dumps(details)
    except (TypeError, ValueError, RecursionError):
        return None


def millis(delay: float | timedelta) -> int:
    """Converts a delay to whole milliseconds, rounded up so that no attempt starts too early."""
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if seconds < 0:
        raise ValueError(f"a delay cannot be negative: {delay!r}")
    # Rounding to nanoseconds first: 1.1 * 1000 is slightly more than 1100.
    return math.ceil(round(seconds * 1000, 6))

"""The job of the running call, and its progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from . import _host
from ._json import well_formed


@dataclass(frozen=True)
class Progress:
    """The progress of a job, for its progress handler: ``current`` of ``total`` is done."""

    current: int
    total: int
    message: str


class Job:
    """The job of the running call."""

    def __init__(self, id: int) -> None:
        self._id = id

    @property
    def id(self) -> int:
        """The job's number, unique within its task."""
        return self._id

    @property
    def task(self) -> str:
        """The id of the task, such as ``mail.send``."""
        return _host.current().task()

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1; in a handler, of the last attempt that started, 0 before the first."""
        return _host.current().attempt()

    @property
    def max_attempts(self) -> int:
        """The maximum number of attempts of the job: the first one plus the task's ``attempts``."""
        return _host.current().max_attempts()

    @property
    def remaining(self) -> timedelta | None:
        """The time until this call times out; ``None`` without a timeout."""
        remaining = _host.current().remaining_ms()
        return None if remaining is None else timedelta(milliseconds=remaining)

    @property
    def is_cancelled(self) -> bool:
        """Whether the job was cancelled. The host stops the call soon after this becomes true."""
        return _host.current().is_cancelled()

    @property
    def trace_parent(self) -> str | None:
        """The W3C trace context of the call, in the format of the ``traceparent`` header."""
        return _host.current().trace_parent()

    def progress(self, current: int, total: int, message: str = "") -> None:
        """Reports that ``current`` of ``total`` is done; lookups of the job show it at once."""
        for name, value in (("current", current), ("total", total)):
            if not isinstance(value, int) or not 0 <= value < 2**64:
                raise ValueError(f"{name} is not a whole number from 0 to 2**64 - 1: {value!r}")
        _host.current().report(current, total, well_formed(message))

    def __repr__(self) -> str:
        return f"Job({self._id})"

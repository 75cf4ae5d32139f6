"""The tenant's own tasks: jobs that a plugin adds, looks up and cancels.

A call can be repeated: an attempt is retried, or a handler is called again after a crash. Its jobs are added only once
because each has an idempotency key made of the job, the role and the number of the add in the call. So add the same jobs
in the same order each time, or give a job its own key, or none.

By default ``get`` and ``cancel`` work for the job that the call is about, and for jobs that a job of the same task
added. They fail with ``not-added`` for any other job, unless the task sets ``"sandbox": {"tasks": "all"}``.

By default jobs can be added to every task; ``"sandbox": {"tasks": {"add": […]}}`` narrows that, and adding to any other
task fails with ``not-granted``.

Every function raises ``Problem``, with one of the codes ``unknown-task``, ``unknown-job``, ``not-added``,
``not-granted``, ``queue-full``, ``keep-bytes-exceeded``, ``duplicate-id``, ``next-failed``, ``invalid-args``,
``invalid-options``, ``key-reused``, ``ended``, ``too-deep``, ``budget-spent``, ``stopping``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Literal

from . import _call, _host
from ._errors import Problem, millis
from ._json import dumps, loads_optional


class Status(Enum):
    """The status of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True)
class JobView:
    """The current state of a job. ``response`` is the processor's result, ``None`` until SUCCESS."""

    id: int
    status: Status
    current: int
    total: int
    message: str
    response: Any


class _Derived(Enum):
    KEY = "the key of the job's position in the call"


DERIVED: Final = _Derived.KEY
"""The default of ``key``: the key of the job's position in the call."""


def add(task: str, *args: Any) -> int:
    """Adds a job and returns its id. A repeated call returns the job that it added at the same position before."""
    return add_with(task, args)


def add_later(task: str, delay: float | timedelta, *args: Any) -> int:
    """Adds a job whose first attempt does not start before ``delay`` has passed, in seconds."""
    return add_with(task, args, delay=delay)


def add_with(
    task: str,
    args: Sequence[Any],
    *,
    key: str | None | Literal[_Derived.KEY] = DERIVED,
    unique: Literal["task", "args"] | Sequence[int] | None = None,
    priority: int | None = None,
    delay: float | timedelta | None = None,
    run_at: str | datetime | None = None,
) -> int:
    """Adds a job with options and returns its id.

    - ``key``: an idempotency key; ``None`` adds a job each time, even if the call is repeated.
    - ``unique``: no second job of the task (``"task"``), with the same arguments (``"args"``), or with the same
      arguments at these positions, while the first one waits or runs.
    - ``priority``: from -32768 to 32767; ready jobs of higher priority run first.
    - ``delay``, ``run_at``: no attempt starts before. A ``datetime`` needs a time zone.
    """
    # Each add counts as a position, even if it does not use the position's key.
    position = _call.next_position()
    used = position if key is DERIVED else None
    members: dict[str, Any] = {}
    if used is not None:
        members["key"] = used.key
    elif isinstance(key, str):
        members["key"] = key
    if unique is not None:
        members["unique"] = {"by": unique} if isinstance(unique, str) else {"by": "args", "positions": list(unique)}
    if priority is not None:
        members["priority"] = priority
    if delay is not None:
        members["delay_ms"] = millis(delay)
    if run_at is not None:
        members["run_at"] = _rfc3339(run_at)
    try:
        return _host.current().add_with(task, _to_json(list(args)), dumps(members))
    except Problem as problem:
        if used is None or problem.code != "key-reused":
            raise
        raise Problem(problem.code, _reused(used.number, problem.message)) from problem


def get(task: str, id: int) -> JobView:
    """Looks up a job: while it waits or runs, and after its end until retention removes it."""
    job = _host.current().get(task, id)
    response = loads_optional(job.response)
    return JobView(job.id, Status(job.status), job.current, job.total, job.message, response)


def cancel(task: str, id: int) -> None:
    """Cancels a job. Fails with ``ended`` if it has already ended."""
    _host.current().cancel(task, id)


def _to_json(args: list[Any]) -> str:
    try:
        return dumps(args)
    except (TypeError, ValueError, RecursionError) as error:
        raise Problem("invalid-args", f"the arguments cannot be written as JSON: {error}") from error


def _rfc3339(run_at: str | datetime) -> str:
    if isinstance(run_at, str):
        return run_at
    if run_at.tzinfo is None:
        raise Problem("invalid-options", f"`run_at` has no time zone: {run_at.isoformat()}")
    return run_at.isoformat()


def _reused(number: int, message: str) -> str:
    return (
        f"job number {number} (from 0) that this call adds differs from the one that the same call added before: add the "
        f"same jobs in the same order each time, or give the job its own key or none (`key` of tasks.add_with); {message}"
    )

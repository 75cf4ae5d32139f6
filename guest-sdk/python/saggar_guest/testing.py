"""A fake host for tests in ordinary Python: ``FakeHost().process(thumbnail, "a.png")``.

It calls a function of a plugin as a host does, through JSON, and records its progress, log lines and jobs. It does not
truncate, coalesce or limit anything, does not run added jobs, and ignores ``unique``. Calling the same function twice on
one host repeats the call: a job added at the same position is the one that is there already. Its key-value store grants
everything, and nothing in it expires.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from . import _host, _roles
from ._errors import Problem
from ._job import Progress
from .http import Request, Response
from .tasks import JobView, Status

__all__ = ["AddedJob", "FakeHost", "LogLine"]


@dataclass(frozen=True)
class LogLine:
    """A line that a plugin logged."""

    level: str
    message: str


@dataclass(frozen=True)
class AddedJob:
    """A job that a plugin added."""

    id: int
    task: str
    args: list[Any]
    key: str | None
    unique: dict[str, Any] | None
    priority: int
    delay: timedelta
    run_at: str | None


class FakeHost:
    """By default it runs attempt 1 of 1 of job 1 of the task ``test``.

    ``cancelled_after`` cancels the job after this many progress reports, ``queue_size`` is the number of jobs that can be
    added before ``queue-full``, ``on_request`` answers requests over HTTP. What a function raises, the calls raise.
    """

    def __init__(
        self,
        *,
        id: int = 1,
        task: str = "test",
        attempt: int = 1,
        max_attempts: int = 1,
        remaining: timedelta | None = None,
        trace_parent: str | None = None,
        cancelled_after: int | None = None,
        queue_size: int | None = None,
        on_request: Callable[[Request], Response] | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.progress: list[Progress] = []
        self.log_lines: list[LogLine] = []
        self.added: list[AddedJob] = []
        self._id = id
        self._on_request = on_request
        self._fake = _Fake(self, task, attempt, max_attempts, remaining, trace_parent, cancelled_after, queue_size)

    def process(self, function: Callable[..., Any], *args: Any) -> Any:
        """Runs one attempt and returns the response."""
        with self._running():
            return json.loads(_roles.process(self._id, json.dumps(args), function))

    def next_id(self, function: Callable[[], int | None]) -> int | None:
        """Calls an id source."""
        with self._running():
            return _roles.call_next_id(function)

    def on_add(self, function: Callable[..., Any]) -> None:
        """Calls the handler for an added job."""
        with self._running():
            _roles.handle(_roles.ON_ADD, self._id, function=function)

    def on_progress(self, function: Callable[..., Any], current: int, total: int, message: str = "") -> None:
        """Calls the handler for progress."""
        with self._running():
            _roles.progress(self._id, current, total, message, function)

    def on_success(self, function: Callable[..., Any], response: Any) -> None:
        """Calls the handler for a job that succeeded."""
        with self._running():
            _roles.success(self._id, json.dumps(response), function)

    def on_error(self, function: Callable[..., Any], problem: Problem) -> None:
        """Calls the handler for a job that failed."""
        with self._running():
            _roles.handle(_roles.ON_ERROR, self._id, problem, function=function)

    def job(self, task: str, job: JobView) -> FakeHost:
        """Sets the job that ``tasks.get`` returns."""
        self._fake.jobs[task, job.id] = job
        return self

    def kv_value(self, key: str, value: Any) -> FakeHost:
        """Sets the value of a key of the key-value store."""
        self._fake.kv_set(key, json.dumps(value).encode(), None)
        return self

    def kv(self, key: str) -> Any:
        """Returns the value of a key of the key-value store; ``None`` if there is none."""
        entry = self._fake.kv_get(key)
        return None if entry is None else json.loads(entry[0])

    def status(self, task: str, id: int) -> Status | None:
        """Returns the status of a job that the plugin added or the test set."""
        job = self._fake.jobs.get((task, id))
        return None if job is None else job.status

    @contextmanager
    def _running(self) -> Iterator[None]:
        before = _host.install(self._fake)
        try:
            yield
        finally:
            _host.install(before)


class _Fake:
    """The imports of the contract, for one ``FakeHost``."""

    def __init__(
        self,
        host: FakeHost,
        task: str,
        attempt: int,
        max_attempts: int,
        remaining: timedelta | None,
        trace_parent: str | None,
        cancelled_after: int | None,
        queue_size: int | None,
    ) -> None:
        self._host = host
        self._remaining = remaining
        self._cancelled_after = cancelled_after
        self._queue_size = queue_size
        self.jobs: dict[tuple[str, int], JobView] = {}
        self._entries: dict[str, tuple[bytes, int, int | None]] = {}
        self._last_version = 0
        self.id = lambda: host._id
        self.task = lambda: task
        self.attempt = lambda: attempt
        self.max_attempts = lambda: max_attempts
        self.handler = lambda: None
        self.trace_parent = lambda: trace_parent

    def remaining_ms(self) -> int | None:
        return None if self._remaining is None else self._remaining // timedelta(milliseconds=1)

    def is_cancelled(self) -> bool:
        return self._cancelled_after is not None and len(self._host.progress) >= self._cancelled_after

    def report(self, current: int, total: int, message: str) -> None:
        self._host.progress.append(Progress(current, total, message))

    def write(self, level: str, message: str) -> None:
        self._host.log_lines.append(LogLine(level, message))

    def add_with(self, task: str, args: str, options: str) -> int:
        values, members = json.loads(args), json.loads(options)
        key = members.get("key")
        for before in self._host.added:
            if key is not None and (before.task, before.key) == (task, key):
                if before.args == values:
                    return before.id
                raise Problem("key-reused", f"job {before.id} of `{task}` has this key and other arguments")
        if self._queue_size is not None and len(self._host.added) >= self._queue_size:
            raise Problem("queue-full", f"the queue of `{task}` is full")
        id = len(self._host.added) + 1
        delay = timedelta(milliseconds=members.get("delay_ms", 0))
        unique, priority, run_at = members.get("unique"), members.get("priority", 0), members.get("run_at")
        self._host.added.append(AddedJob(id, task, values, key, unique, priority, delay, run_at))
        self.jobs[task, id] = JobView(id, Status.WAITING, 0, 0, "", None)
        return id

    def get(self, task: str, id: int) -> _host.Found:
        job = self._find(task, id)
        response = json.dumps(job.response) if job.status is Status.SUCCESS else None
        return _host.Found(job.id, job.status.value, job.current, job.total, job.message, response)

    def cancel(self, task: str, id: int) -> None:
        job = self._find(task, id)
        if job.status in (Status.SUCCESS, Status.FAILURE):
            raise Problem("ended", f"job {id} of `{task}` has already ended")
        self.jobs[task, id] = replace(job, status=Status.FAILURE)

    def kv_get(self, key: str) -> tuple[bytes, int, int | None] | None:
        return self._entries.get(key)

    def kv_set(self, key: str, value: bytes, ttl_ms: int | None) -> int:
        self._last_version += 1
        self._entries[key] = (value, self._last_version, ttl_ms)
        return self._last_version

    def kv_swap(self, key: str, expected: int | None, value: bytes, ttl_ms: int | None) -> int | None:
        return self.kv_set(key, value, ttl_ms) if self._version(key) == expected else None

    def kv_increment(self, key: str, by: int, ttl_ms: int | None) -> int:
        value, _, expires_in_ms = self._entries.get(key, (b"0", 0, ttl_ms))
        if re.fullmatch(rb"0|-?[1-9][0-9]*", value) is None:
            raise Problem("not-a-number", f"the value of `{key}` is not a whole number")
        total = int(value) + by
        if not -(2**63) <= total < 2**63:
            raise Problem("overflow", f"{int(value)} incremented by {by} is out of range")
        self.kv_set(key, str(total).encode(), expires_in_ms)
        return total

    def kv_remove(self, key: str, expected: int | None) -> bool:
        if expected is not None and self._version(key) != expected:
            return False
        return self._entries.pop(key, None) is not None

    def kv_keys(self, prefix: str, after: str | None, limit: int) -> tuple[list[str], str | None]:
        found = sorted(key for key in self._entries if key.startswith(prefix) and (after is None or key > after))
        keys = found[: min(max(limit, 1), 1000)]
        return keys, keys[-1] if len(found) > len(keys) else None

    def _version(self, key: str) -> int | None:
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def send(self, request: Request) -> Response:
        self._host.requests.append(request)
        if self._host._on_request is None:
            raise Problem("http-not-granted", "the test answers no requests: pass `on_request` to FakeHost")
        return self._host._on_request(request)

    def _find(self, task: str, id: int) -> JobView:
        if (task, id) not in self.jobs:
            raise Problem("unknown-job", f"unknown job {id} of `{task}`")
        return self.jobs[task, id]

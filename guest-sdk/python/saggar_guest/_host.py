"""The host that answers the calls of a plugin: the real one in a component, a fake one in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ._errors import Problem
from ._json import loads_optional

if TYPE_CHECKING:
    from .http import Request, Response

try:
    import wit_world  # noqa: F401
    from componentize_py_types import Err
except ModuleNotFoundError as missing:
    if missing.name not in ("wit_world", "componentize_py_types"):
        raise
    IN_COMPONENT = False
else:
    from wit_world.imports import context, kv, log, progress, tasks
    from wit_world.imports import http as imported_http

    IN_COMPONENT = True


@dataclass(frozen=True)
class Found:
    """A job as the host describes it; ``response`` is JSON text."""

    id: int
    status: str
    current: int
    total: int
    message: str
    response: str | None


class Host(Protocol):
    """The imports of the contract. Values of jobs are JSON texts; errors are ``Problem``s."""

    def id(self) -> int: ...
    def task(self) -> str: ...
    def attempt(self) -> int: ...
    def max_attempts(self) -> int: ...
    def handler(self) -> str | None: ...
    def remaining_ms(self) -> int | None: ...
    def is_cancelled(self) -> bool: ...
    def trace_parent(self) -> str | None: ...
    def report(self, current: int, total: int, message: str) -> None: ...
    def write(self, level: str, message: str) -> None: ...
    def add_with(self, task: str, args: str, options: str) -> int: ...
    def get(self, task: str, id: int) -> Found: ...
    def cancel(self, task: str, id: int) -> None: ...
    def kv_get(self, key: str) -> tuple[bytes, int, int | None] | None: ...
    def kv_set(self, key: str, value: bytes, ttl_ms: int | None) -> int: ...
    def kv_swap(self, key: str, expected: int | None, value: bytes, ttl_ms: int | None) -> int | None: ...
    def kv_increment(self, key: str, by: int, ttl_ms: int | None) -> int: ...
    def kv_remove(self, key: str, expected: int | None) -> bool: ...
    def kv_keys(self, prefix: str, after: str | None, limit: int) -> tuple[list[str], str | None]: ...
    def send(self, request: Request) -> Response: ...


if IN_COMPONENT:

    class _RealHost:
        id = staticmethod(context.id)
        task = staticmethod(context.task)
        attempt = staticmethod(context.attempt)
        max_attempts = staticmethod(context.max_attempts)
        handler = staticmethod(context.handler)
        remaining_ms = staticmethod(context.remaining_ms)
        is_cancelled = staticmethod(context.is_cancelled)
        trace_parent = staticmethod(context.trace_parent)
        report = staticmethod(progress.report)

        @staticmethod
        def write(level: str, message: str) -> None:
            log.write(log.Level[level.upper()], message)

        @staticmethod
        def add_with(task: str, args: str, options: str) -> int:
            return int(_ask(tasks.add_with, task, args, options))

        @staticmethod
        def get(task: str, id: int) -> Found:
            job = _ask(tasks.get, task, id)
            return Found(job.id, job.status.name.lower(), job.current, job.total, job.message, job.response)

        @staticmethod
        def cancel(task: str, id: int) -> None:
            _ask(tasks.cancel, task, id)

        @staticmethod
        def kv_get(key: str) -> tuple[bytes, int, int | None] | None:
            entry = _ask(kv.get, key)
            return None if entry is None else (bytes(entry.value), entry.version, entry.expires_in_ms)

        @staticmethod
        def kv_set(key: str, value: bytes, ttl_ms: int | None) -> int:
            return int(_ask(kv.set, key, value, ttl_ms))

        @staticmethod
        def kv_swap(key: str, expected: int | None, value: bytes, ttl_ms: int | None) -> int | None:
            version: int | None = _ask(kv.compare_and_swap, key, expected, value, ttl_ms)
            return version

        @staticmethod
        def kv_increment(key: str, by: int, ttl_ms: int | None) -> int:
            return int(_ask(kv.increment, key, by, ttl_ms))

        @staticmethod
        def kv_remove(key: str, expected: int | None) -> bool:
            return bool(_ask(kv.remove, key, expected))

        @staticmethod
        def kv_keys(prefix: str, after: str | None, limit: int) -> tuple[list[str], str | None]:
            page = _ask(kv.keys, prefix, after, limit)
            return page.keys, page.next

        @staticmethod
        def send(request: Request) -> Response:
            from .http import Response

            asked = imported_http.Request(request.method, request.url, request.headers, request.body, request.timeout_ms)
            answered = _ask(imported_http.send, asked)
            return Response(answered.status, [(name, value) for name, value in answered.headers], bytes(answered.body))

    def _ask(function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Err as error:
            problem = error.value
            raise Problem(problem.code, problem.message, loads_optional(problem.details)) from None

    _current: Host | None = _RealHost()
else:
    _current = None


def current() -> Host:
    """Returns the host of the running call."""
    if _current is None:
        raise RuntimeError("no host: outside of a component a plugin runs in a call of saggar_guest.testing.FakeHost")
    return _current


def is_installed() -> bool:
    """Whether there is a host."""
    return _current is not None


def install(host: Host | None) -> Host | None:
    """Replaces the host and returns the previous one: for tests."""
    global _current
    before, _current = _current, host
    return before

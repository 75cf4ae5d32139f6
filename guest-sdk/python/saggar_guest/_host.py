"""The host that answers the calls of a plugin: the real one in a component, a fake one in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ._errors import Problem
from ._json import loads_optional

try:
    import wit_world  # noqa: F401
    from componentize_py_types import Err
except ModuleNotFoundError as missing:
    if missing.name not in ("wit_world", "componentize_py_types"):
        raise
    IN_COMPONENT = False
else:
    from wit_world.imports import context, log, progress, tasks

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

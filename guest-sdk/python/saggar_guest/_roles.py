"""The roles of a plugin: the decorators, and the lookup of the function for a host's call."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from . import _call, _host
from ._errors import Problem, Reject
from ._job import Job, Progress
from ._json import dumps

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Role:
    """A role of the contract."""

    name: str
    """What the decorator is called."""
    export: str
    """The class that componentize-py looks for in the component's module."""
    adds: str | None
    """The role in keys of added jobs; ``None`` if the host does not repeat its calls identically."""


PROCESSOR = Role("processor", "Processor", "process")
NEXT_ID = Role("next_id", "IdSource", None)
ON_ADD = Role("on_add", "AddHandler", "add")
ON_PROGRESS = Role("on_progress", "ProgressHandler", None)
ON_SUCCESS = Role("on_success", "SuccessHandler", "success")
ON_ERROR = Role("on_error", "ErrorHandler", "error")


@dataclass(frozen=True)
class Entry:
    """One function of a plugin."""

    role: Role
    name: str
    default: bool
    function: Callable[..., Any]


_entries: list[Entry] = []


class _Decorator:
    def __init__(self, role: Role, purpose: str) -> None:
        self._role = role
        self.__doc__ = purpose

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, name: str | None = None, /, *, default: bool = False) -> Callable[[F], F]: ...
    def __call__(self, function_or_name: Any = None, /, *, default: bool = False) -> Any:
        """Marks a function. ``name`` is the one after ``#`` in a task's reference, by default the function's own."""
        if callable(function_or_name):
            return self._register(function_or_name, None, default)
        return lambda function: self._register(function, function_or_name, default)

    def _register(self, function: F, name: str | None, default: bool) -> F:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"`{function.__name__}` is asynchronous or a generator; a function of a plugin is neither")
        entry = Entry(self._role, name or function.__name__, default, function)
        for other in _entries:
            # Tests may import several plugins, a component has one.
            is_same_plugin = _host.IN_COMPONENT or other.function.__module__ == function.__module__
            if is_same_plugin and other.role is entry.role and other.name == entry.name:
                raise ValueError(f"two functions of the role `{entry.role.name}` are named `{entry.name}`")
        _entries.append(entry)
        if _host.IN_COMPONENT:
            _export(self._role, function.__globals__)
        return function


def _export(role: Role, module: dict[str, Any]) -> None:
    """Puts the export's class into the module of the function, where componentize-py looks for it."""
    from . import exports

    export = getattr(exports, role.export)
    if module.setdefault(role.export, export) is not export:
        raise TypeError(f"the module defines `{role.export}`, which is the name of the component's export; rename it")


processor = _Decorator(PROCESSOR, "Does the work of a job: takes the job and its arguments, returns the response.")
next_id = _Decorator(NEXT_ID, "Returns the id for a new job; ``None`` uses the task's own counter.")
on_add = _Decorator(ON_ADD, "Is called with a job that was added, before its first attempt.")
on_progress = _Decorator(ON_PROGRESS, "Is called with a job and its latest ``Progress``.")
on_success = _Decorator(ON_SUCCESS, "Is called with a job that ended as SUCCESS and its response.")
on_error = _Decorator(ON_ERROR, "Is called with a job that ended as FAILURE and the ``Problem``.")


def pick(role: Role, handler: str | None, entries: list[Entry] | None = None) -> Callable[..., Any]:
    """Returns the function that the host calls: the one with this name, or else the only one or the default."""
    own = [entry for entry in (_entries if entries is None else entries) if entry.role is role]
    if handler is not None:
        found = [entry for entry in own if entry.name == handler]
    else:
        found = own if len(own) == 1 else [entry for entry in own if entry.default]
    if found:
        return found[0].function
    if handler is None:
        message = "no default function; name one in the reference, as in `plugins.NAME#FUNCTION`"
    else:
        message = f"unknown function `{handler}`"
    known = ", ".join(f"`#{entry.name}`" for entry in own)
    raise Reject("unknown-handler", f"{message}; known: {known}" if known else message)


def _find(role: Role) -> Callable[..., Any]:
    return pick(role, _host.current().handler())


def process(id: int, args: str, function: Callable[..., Any] | None = None) -> str:
    """Calls a processor: JSON in, JSON out. Without ``function``, the one that the reference names."""

    def call() -> str:
        run = function or _find(PROCESSOR)
        values = json.loads(args)
        try:
            bound = inspect.signature(run).bind(Job(id), *values)
        except TypeError as error:
            raise Reject("invalid-args", f"{error}; the processor is `{run.__name__}{inspect.signature(run)}`") from None
        return _to_response(run(*bound.args, **bound.kwargs))

    return _call.run(PROCESSOR.adds, call)


def _to_response(value: Any) -> str:
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Reject("invalid-response", f"the result cannot be written as JSON: {error}") from error


def call_next_id(function: Callable[[], int | None] | None = None) -> int | None:
    """Calls an id source."""

    def call() -> int | None:
        id = (function or _find(NEXT_ID))()
        if id is not None and not (isinstance(id, int) and 0 <= id < 2**64):
            raise Problem("invalid-id", f"a job's id is a whole number from 0 to 2**64 - 1, got {id!r}")
        return id

    return _call.run(NEXT_ID.adds, call)


def handle(role: Role, id: int, *values: Any, function: Callable[..., Any] | None = None) -> None:
    """Calls a handler with a job and its other arguments."""
    _call.run(role.adds, lambda: (function or _find(role))(Job(id), *values))


def progress(id: int, current: int, total: int, message: str, function: Callable[..., Any] | None = None) -> None:
    """Calls a progress handler."""
    handle(ON_PROGRESS, id, Progress(current, total, message), function=function)


def success(id: int, response: str, function: Callable[..., Any] | None = None) -> None:
    """Calls a success handler with a response in JSON."""
    handle(ON_SUCCESS, id, json.loads(response), function=function)

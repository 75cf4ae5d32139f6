"""The classes that componentize-py looks for in the component's module.

The decorators put them there. If a plugin's functions are in modules of their own, import the classes of its roles into
the module that the component is made of: ``from saggar_guest.exports import Processor``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from . import _host, _roles
from ._errors import Problem, Reject, RetryAfter, describe
from ._json import loads_optional, well_formed

if TYPE_CHECKING or _host.IN_COMPONENT:
    from componentize_py_types import Err
    from wit_world.imports import types

T = TypeVar("T")


def _to_problem(error: BaseException) -> types.Problem:
    code, message, details = describe(error)
    return types.Problem(well_formed(code), well_formed(message), details)


def _fail(error: BaseException) -> NoReturn:
    problem = _to_problem(error)
    if isinstance(error, Reject):
        raise Err(types.Failure_Reject(problem))
    if isinstance(error, RetryAfter):
        raise Err(types.Failure_RetryAfter((problem, error.after_ms)))
    raise Err(types.Failure_Retry(problem))


def _reporting(call: Callable[..., T], *values: Any) -> T:
    # An exception that is not an `Err` is a trap, which loses its message. That includes SystemExit.
    try:
        return call(*values)
    except BaseException as error:
        raise Err(_to_problem(error)) from None


class Processor:
    def process(self, id: int, args: str) -> str:
        try:
            return _roles.process(id, args)
        except BaseException as error:
            _fail(error)


class IdSource:
    def next(self) -> int | None:
        return _reporting(_roles.call_next_id)


class AddHandler:
    def on_add(self, id: int) -> None:
        _reporting(_roles.handle, _roles.ON_ADD, id)


class ProgressHandler:
    def on_progress(self, id: int, current: int, total: int, message: str) -> None:
        _reporting(_roles.progress, id, current, total, message)


class SuccessHandler:
    def on_success(self, id: int, response: str) -> None:
        _reporting(_roles.success, id, response)


class ErrorHandler:
    def on_error(self, id: int, error: types.Problem) -> None:
        problem = Problem(error.code, error.message, loads_optional(error.details))
        _reporting(_roles.handle, _roles.ON_ERROR, id, problem)

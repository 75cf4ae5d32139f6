"""The job's own log. The standard module ``logging`` writes to it, too, and so do ``print`` and standard error.

The host truncates a message of more than 8 KiB, and drops and counts what exceeds the job's budget.
"""

from __future__ import annotations

import logging

from . import _host
from ._json import well_formed


def debug(message: object, *values: object) -> None:
    """Logs a line for the plugin's author; ``values`` fill in ``%s`` and the like, as in ``logging``."""
    _write("debug", message, values)


def info(message: object, *values: object) -> None:
    """Logs a line about normal operation."""
    _write("info", message, values)


def warn(message: object, *values: object) -> None:
    """Logs a line about something unexpected."""
    _write("warn", message, values)


def error(message: object, *values: object) -> None:
    """Logs a line about a failure."""
    _write("error", message, values)


def _write(level: str, message: object, values: tuple[object, ...]) -> None:
    text = str(message)
    _host.current().write(level, well_formed(text % values if values else text))


class _Handler(logging.Handler):
    """Sends the records of ``logging`` to the running call's log."""

    def emit(self, record: logging.LogRecord) -> None:
        if not _host.is_installed():
            return
        try:
            _host.current().write(_level(record.levelno), well_formed(self.format(record)))
        except Exception:  # As the handlers of the standard library do: logging must not fail the program.
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


def _route() -> None:
    root = logging.getLogger()
    root.addHandler(_Handler())
    if root.level == logging.WARNING:
        root.setLevel(logging.INFO)


_route()

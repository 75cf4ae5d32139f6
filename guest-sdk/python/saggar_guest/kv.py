"""The tenant's key-value store: what a plugin keeps between jobs.

All tasks of the tenant share it. A task that uses it requests it (``"sandbox": {"kv": "write"}``), and the operator grants it;
every other call fails with ``not-granted``.

Each call is one atomic step, and a write is on disk before it returns. A write does not depend on how the attempt ends, and
an attempt that is repeated repeats its writes: use ``update``, ``swap``, or keys that are made of the job's id.

Values are JSON, as in the SDKs for other languages; ``get_bytes`` and ``set_bytes`` are for any others. A key has from 1 to
512 bytes, a value at most 1 MiB.

Every function raises ``Problem``, with one of the codes ``not-granted``, ``invalid-key``, ``value-too-large``, ``kv-full``,
``not-a-number``, ``overflow``, ``invalid-value``, ``budget-spent``, ``store-full``, ``store-busy``, ``store-failed``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import _host
from ._errors import Problem, millis
from ._json import dumps

_PAGE = 1000


@dataclass(frozen=True)
class Entry:
    """An entry. Every write changes ``version``; ``expires_in`` is ``None`` if the entry does not expire."""

    value: Any
    version: int
    expires_in: timedelta | None


@dataclass(frozen=True)
class Page:
    """Some keys, in the order of their bytes. ``next`` is the ``after`` of the next page, ``None`` if there are no more keys."""

    keys: list[str]
    next: str | None


def get(key: str, default: Any = None) -> Any:
    """Returns the value of a key; ``default`` if there is none."""
    found = entry(key)
    return default if found is None else found.value


def entry(key: str) -> Entry | None:
    """Returns the value of a key with its version; ``None`` if there is none."""
    found = get_bytes(key)
    if found is None:
        return None
    try:
        value = json.loads(found.value)
    except (ValueError, RecursionError) as error:
        raise Problem("invalid-value", f"the value of the key `{key}` is not JSON: {error}") from error
    return Entry(value, found.version, found.expires_in)


def get_bytes(key: str) -> Entry | None:
    """Returns an entry whose value is bytes, which need not be JSON."""
    found = _host.current().kv_get(key)
    if found is None:
        return None
    value, version, expires_in_ms = found
    return Entry(value, version, None if expires_in_ms is None else timedelta(milliseconds=expires_in_ms))


def set(key: str, value: Any, *, ttl: float | timedelta | None = None) -> int:
    """Writes a value, which expires after ``ttl`` (in seconds), and returns its version."""
    return _host.current().kv_set(key, _to_json(key, value), _millis(ttl))


def set_bytes(key: str, value: bytes, *, ttl: float | timedelta | None = None) -> int:
    """Writes bytes, which need not be JSON, and returns their version."""
    return _host.current().kv_set(key, value, _millis(ttl))


def swap(key: str, version: int | None, value: Any, *, ttl: float | timedelta | None = None) -> int | None:
    """Writes a value if the entry has this version, or if there is no entry for ``None``.

    Returns the new version; ``None`` if the entry is another one.
    """
    return _host.current().kv_swap(key, version, _to_json(key, value), _millis(ttl))


def update(key: str, change: Callable[[Any], Any], *, ttl: float | timedelta | None = None) -> Any:
    """Replaces a value (``None`` if there is none) with what ``change`` makes of it, and returns that.

    Calls ``change`` again if another job has written the entry meanwhile.
    """
    while True:
        found = entry(key)
        value = change(None if found is None else found.value)
        if swap(key, None if found is None else found.version, value, ttl=ttl) is not None:
            return value


def increment(key: str, by: int = 1, *, ttl: float | timedelta | None = None) -> int:
    """Adds to a number and returns the sum. No entry counts as 0; only then ``ttl`` has an effect."""
    return _host.current().kv_increment(key, by, _millis(ttl))


def remove(key: str, *, version: int | None = None) -> bool:
    """Removes an entry, with ``version`` only if it has that one; returns whether it did."""
    return _host.current().kv_remove(key, version)


def keys(prefix: str = "") -> Iterator[str]:
    """Iterates over all keys that begin with a prefix, in the order of their bytes."""
    after: str | None = None
    while True:
        found = page(prefix, after=after)
        yield from found.keys
        if found.next is None:
            return
        after = found.next


def page(prefix: str = "", *, after: str | None = None, limit: int = _PAGE) -> Page:
    """Returns keys that begin with a prefix, after the key ``after``, at most ``limit`` (at most 1,000)."""
    return Page(*_host.current().kv_keys(prefix, after, limit))


def _to_json(key: str, value: Any) -> bytes:
    try:
        return dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Problem("invalid-value", f"the value of the key `{key}` cannot be written as JSON: {error}") from error


def _millis(ttl: float | timedelta | None) -> int | None:
    return None if ttl is None else millis(ttl)

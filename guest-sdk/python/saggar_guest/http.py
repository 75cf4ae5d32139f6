"""Requests over HTTP, to the origins that the task requests in ``sandbox.http`` and the operator grants.

    from saggar_guest import http

    response = http.get("https://api.example.com/orders/7", headers={"authorization": "Bearer $SECRET.shop"})
    total = response.success().json()["total"]

A request takes at most as long as the call has left; ``timeout`` shortens that. The host follows no redirects, keeps no
cookies and does not decompress. ``$SECRET.name`` in the value of a header is the placeholder of a secret, which the host puts
in where the operator allows it; the plugin never has the value. ``$HMAC.name`` is that of a signature of the request, which the
host makes with a secret.

A request raises ``Problem``, with one of the codes ``http-not-granted``, ``invalid-request``, ``request-too-large``,
``too-many-requests``, ``unknown-name``, ``address-denied``, ``connection-failed``, ``tls-failed``, ``timed-out``,
``response-too-large``, ``invalid-response``. A response with any status is a ``Response``; ``Response.success`` decides what
its status means for the job.
"""

from __future__ import annotations

import json as _json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from . import _host
from ._errors import Problem, Reject, Retry, RetryAfter, millis

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_RETRIED = (408, 425, 429)

# Of the seconds of ``retry-after``: decades.
_MAX_DIGITS = 9


@dataclass(frozen=True)
class Request:
    """A request as the host gets it."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    timeout_ms: int | None = None


@dataclass(frozen=True)
class Response:
    """A response, whatever its status is. Names of ``headers`` are in lower case."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Returns the first value of a header; the name can have any case."""
        return next((value for other, value in self.headers if other.lower() == name.lower()), None)

    def text(self) -> str:
        """Returns the body as text. Bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Returns the body from JSON. Fails with ``invalid-response``."""
        try:
            return _json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Problem("invalid-response", f"the response is not JSON: {error}") from error

    def success(self) -> Response:
        """Returns the response if its status is from 200 to 299, and otherwise raises what fits its status, with the code
        ``http-status``.

        408, 425, 429 and 5xx are retried: after the seconds of ``retry-after``, if the server sends it. Everything else
        rejects the job, also a redirect, because another attempt would get the same answer.
        """
        if 200 <= self.status < 300:
            return self
        message, details = f"the server answered with the status {self.status}", {"status": self.status}
        if self.status not in _RETRIED and self.status < 500:
            raise Reject("http-status", message, details)
        after = (self.header("retry-after") or "").strip()
        # A server may send any number; the host knows no longer delays.
        if after.isascii() and after.isdigit() and len(after) <= _MAX_DIGITS:
            raise RetryAfter(int(after), "http-status", message, details)
        raise Retry("http-status", message, details)


def request(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    body: bytes | str = b"",
    json: Any = None,
    timeout: float | timedelta | None = None,
) -> Response:
    """Sends a request and returns the whole response.

    ``json`` becomes the body, with its ``content-type``. ``timeout`` is in seconds, for the whole exchange. Characters of
    the URL other than visible ASCII must be encoded.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if json is not None:
        try:
            body = _json.dumps(json, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Problem("invalid-request", f"the body cannot be written as JSON: {error}") from error
        pairs.append(("content-type", "application/json"))
    data = body.encode() if isinstance(body, str) else bytes(body)
    timeout_ms = None if timeout is None else millis(timeout)
    return _host.current().send(Request(method, url, pairs, data, timeout_ms))


def get(url: str, **options: Any) -> Response:
    """Sends a GET request; the options are those of ``request``."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """Sends a POST request; the options are those of ``request``."""
    return request("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    """Sends a PUT request; the options are those of ``request``."""
    return request("PUT", url, **options)


def patch(url: str, **options: Any) -> Response:
    """Sends a PATCH request; the options are those of ``request``."""
    return request("PATCH", url, **options)


def delete(url: str, **options: Any) -> Response:
    """Sends a DELETE request; the options are those of ``request``."""
    return request("DELETE", url, **options)

"""Requests over HTTP, answered by the fake host."""

from collections.abc import Callable

import pytest
from saggar_guest import Job, Problem, Reject, Retry, RetryAfter, http
from saggar_guest.testing import FakeHost


def answer(request: http.Request) -> http.Response:
    if request.url == "https://a/json":
        return http.Response(200, [("content-type", "application/json")], b'{"n": 1}')
    if request.url == "https://a/busy":
        return http.Response(503, [("retry-after", "7")])
    if request.url == "https://a/late":
        return http.Response(429, [("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")])
    if request.url == "https://a/never":
        return http.Response(503, [("retry-after", "9" * 5000)])
    if request.url == "https://a/gone":
        return http.Response(410, [], b"gone")
    raise Problem("unknown-name", "no such name")


def call(function: Callable[[], object]) -> tuple[FakeHost, object]:
    host = FakeHost(on_request=answer)

    def process(job: Job) -> object:
        return function()

    return host, host.process(process)


def test_a_request_has_the_parts_that_were_given() -> None:
    def process() -> object:
        response = http.post("https://a/json", json=[1], headers={"X-A": "$SECRET.a"}, timeout=1.5)
        assert response.header("Content-Type") == "application/json"
        return response.success().json()

    host, response = call(process)
    assert response == {"n": 1}
    headers = [("X-A", "$SECRET.a"), ("content-type", "application/json")]
    assert host.requests == [http.Request("POST", "https://a/json", headers, b"[1]", 1500)]


def test_a_status_decides_what_becomes_of_the_job() -> None:
    def get(path: str) -> object:
        return call(lambda: http.get(f"https://a/{path}").success())

    for path, error in (("busy", RetryAfter), ("late", Retry), ("never", Retry), ("gone", Reject)):
        with pytest.raises(error) as raised:
            get(path)
        assert raised.value.code == "http-status"
    with pytest.raises(RetryAfter) as raised:
        call(lambda: http.get("https://a/busy").success())
    assert raised.value.after_ms == 7000


def test_errors_are_problems() -> None:
    with pytest.raises(Problem, match="unknown-name"):
        call(lambda: http.get("https://b"))
    with pytest.raises(Problem, match="invalid-request"):
        call(lambda: http.post("https://a", json={1, 2}))
    with pytest.raises(Problem, match="invalid-response"):
        call(lambda: http.get("https://a/gone").json())

    def process(job: Job) -> object:
        return http.get("https://a")

    with pytest.raises(Problem, match="http-not-granted"):
        FakeHost().process(process)

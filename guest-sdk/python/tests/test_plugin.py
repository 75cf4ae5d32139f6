"""What the host gets from a plugin, and what a plugin gets from the host."""

import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from saggar_guest import Job, Problem, Progress, Reject, Retry, RetryAfter, _roles, log, next_id, on_success, processor
from saggar_guest._errors import describe, millis
from saggar_guest.testing import FakeHost, LogLine


def test_arguments_and_results_are_json_values() -> None:
    def resize(job: Job, url: str, width: int = 64) -> dict[str, Any]:
        return {"url": url, "width": width, "job": job.id}

    assert FakeHost().process(resize, "ä.png") == {"url": "ä.png", "width": 64, "job": 1}
    assert FakeHost(id=2**64 - 1).process(lambda job, *all: [job.id, *all], 2**70, 0.5) == [2**64 - 1, 2**70, 0.5]
    assert FakeHost().process(lambda job: None) is None
    assert FakeHost().process(lambda job: "lone \ud800") == "lone \ud800"


def test_arguments_that_do_not_fit_reject_the_job() -> None:
    def resize(job: Job, url: str, width: int = 64) -> None: ...

    for args, says in [((), "missing a required argument: 'url'"), ((1, 2, 3), "too many positional arguments")]:
        with pytest.raises(Reject, match=says) as raised:
            FakeHost().process(resize, *args)
        assert raised.value.code == "invalid-args"
        assert "`resize(job:" in raised.value.message


def test_a_result_that_json_cannot_hold_rejects_the_job() -> None:
    for value in (object(), float("nan"), {1, 2}):
        with pytest.raises(Reject) as raised:
            FakeHost().process(lambda job, value=value: value)
        assert raised.value.code == "invalid-response"


def test_the_errors_carry_a_code_a_message_and_details() -> None:
    assert describe(Reject("no-page", "page 7", {"page": 7})) == ("no-page", "page 7", '{"page":7}')
    assert describe(Retry("busy", "wait", {1, 2})) == ("busy", "wait", None)
    assert RetryAfter(1.1, "busy", "wait").after_ms == 1100
    assert RetryAfter(timedelta(minutes=1), "busy", "wait").after_ms == 60_000
    assert (millis(0), millis(0.0001), millis(2.3)) == (0, 1, 2300)
    with pytest.raises(ValueError, match="cannot be negative"):
        RetryAfter(-1, "busy", "wait")


def test_any_other_exception_has_its_type_causes_and_traceback() -> None:
    def broken() -> None:
        try:
            raise OSError("a cable")
        except OSError as cause:
            raise ValueError("it is broken") from cause

    with pytest.raises(ValueError) as raised:
        FakeHost().process(lambda job: broken())
    # In a component the first frame is one of the package's, too.
    trace = raised.value.__traceback__
    assert trace is not None
    code, message, details = describe(raised.value.with_traceback(trace.tb_next))
    assert (code, message) == ("exception", "ValueError: it is broken: a cable")
    assert details is not None and "test_plugin.py" in details and "in broken" in details and "_roles.py" not in details
    assert describe(SystemExit(1)).message == "SystemExit: 1"
    assert describe(KeyError()).message == "KeyError"


def test_a_reference_selects_a_function_by_its_name() -> None:
    @processor(default=True)
    def first(job: Job) -> str:
        return "first"

    @processor("send-all")
    def second(job: Job) -> str:
        return "second"

    @on_success
    def only(job: Job, response: object) -> None: ...

    own = [entry for entry in _roles._entries if entry.function in (first, second, only)]

    def pick(role: _roles.Role, handler: str | None) -> Callable[..., Any]:
        return _roles.pick(role, handler, own)

    assert pick(_roles.PROCESSOR, None) is first
    assert pick(_roles.PROCESSOR, "first") is first
    assert pick(_roles.PROCESSOR, "send-all") is second
    assert pick(_roles.ON_SUCCESS, None) is only
    with pytest.raises(Reject, match="unknown function `second`; known: `#first`, `#send-all`") as raised:
        pick(_roles.PROCESSOR, "second")
    assert raised.value.code == "unknown-handler"
    with pytest.raises(Reject, match="no default function"):
        _roles.pick(_roles.ON_ADD, None, own)


def test_mistakes_are_errors_of_the_build() -> None:
    @processor
    def twice(job: Job) -> None: ...

    with pytest.raises(ValueError, match="two functions of the role `processor` are named `twice`"):
        processor("twice")(lambda job: None)
    with pytest.raises(TypeError, match="asynchronous"):

        @processor
        async def later(job: Job) -> None: ...


def test_the_job_has_its_context() -> None:
    def look(job: Job) -> list[object]:
        before = job.is_cancelled
        job.progress(1, 2, "half \ud800")
        remaining = job.remaining.total_seconds() if job.remaining else None
        return [job.id, job.task, job.attempt, job.max_attempts, remaining, before, job.is_cancelled, job.trace_parent]

    second = timedelta(seconds=1)
    host = FakeHost(id=7, task="a.b", attempt=2, max_attempts=3, remaining=second, cancelled_after=1)
    assert host.process(look) == [7, "a.b", 2, 3, 1.0, False, True, None]
    assert host.progress == [Progress(1, 2, "half ?")]
    with pytest.raises(ValueError, match="current is not a whole number"):
        host.process(lambda job: job.progress(0.5, 1))


def test_logging_writes_to_the_jobs_log() -> None:
    def say(job: Job) -> None:
        log.debug("%s at %d", "debug", 1)
        log.warn("100 % plain")
        logging.getLogger("plugin").info("by logging")
        logging.getLogger("plugin").debug("not by default")
        logging.critical("worst")

    host = FakeHost()
    host.process(say)
    assert host.log_lines == [
        LogLine("debug", "debug at 1"),
        LogLine("warn", "100 % plain"),
        LogLine("info", "by logging"),
        LogLine("error", "worst"),
    ]


def test_output_is_flushed_after_each_call_even_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushed.append("out"))
    monkeypatch.setattr(sys.stderr, "flush", lambda: flushed.append("err"))
    with pytest.raises(ZeroDivisionError):
        FakeHost().process(lambda job: 1 / 0)
    assert flushed == ["out", "err"]


def test_handlers_get_what_they_are_told() -> None:
    host = FakeHost(id=3)
    host.on_add(lambda job: log.info("add %d", job.id))
    host.on_progress(lambda job, progress: log.info("progress %s", progress), 1, 2, "half")
    host.on_success(lambda job, response: log.info("success %s", response), {"ok": True})
    host.on_error(lambda job, problem: log.info("error %s", problem), Problem("trap", "it"))
    assert [line.message for line in host.log_lines] == [
        "add 3",
        "progress Progress(current=1, total=2, message='half')",
        "success {'ok': True}",
        "error trap: it",
    ]


def test_ids_are_exact_or_an_error() -> None:
    @next_id
    def largest() -> int:
        return 2**64 - 1

    assert FakeHost().next_id(largest) == 2**64 - 1
    assert FakeHost().next_id(lambda: None) is None
    def identity(id: Any) -> Any:
        return id

    for wrong in (-1, 2**64, "7", 1.0):
        with pytest.raises(Problem) as raised:
            FakeHost().next_id(partial(identity, wrong))
        assert raised.value.code == "invalid-id"


def test_without_a_host_the_error_says_how_to_test() -> None:
    with pytest.raises(RuntimeError, match="FakeHost"):
        log.info("unheard")

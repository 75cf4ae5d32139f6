"""Jobs that a plugin adds, looks up and cancels."""

from datetime import datetime, timedelta, timezone

import pytest

from saggar_guest import Job, Problem, Retry, tasks
from saggar_guest.tasks import JobView, Status
from saggar_guest.testing import FakeHost


def test_an_added_job_has_the_key_of_its_position_so_a_repeated_call_adds_it_once() -> None:
    def send(job: Job) -> list[int]:
        return [tasks.add("archive", 7, "text"), tasks.add_later("archive", 1.5, "late")]

    host = FakeHost(task="mail.send", id=7)
    assert host.process(send) == [1, 2]
    assert host.process(send) == [1, 2]
    assert [(job.key, job.args, job.delay) for job in host.added] == [
        ("mail.send/7/process/0", [7, "text"], timedelta()),
        ("mail.send/7/process/1", ["late"], timedelta(seconds=1.5)),
    ]


def test_another_job_at_the_same_position_is_an_error_that_says_what_to_do() -> None:
    attempts = iter((1, 2))
    host = FakeHost()
    add = lambda job: tasks.add("archive", next(attempts))  # noqa: E731
    host.process(add)
    with pytest.raises(Problem, match="job number 0 .from 0. that this call adds differs") as raised:
        host.process(add)
    assert raised.value.code == "key-reused"


def test_options_are_those_of_the_contract() -> None:
    def add(job: Job) -> None:
        tasks.add_with("a", [1], key="own", priority=5, delay=0.01, unique=[0])
        tasks.add_with("a", [2], key=None, unique="task", run_at="2026-11-24T10:00:00Z")
        tasks.add_with("a", [3], unique="args", run_at=datetime(2026, 11, 24, 10, tzinfo=timezone.utc))

    host = FakeHost()
    host.process(add)
    assert [(job.key, job.priority, job.unique, job.run_at) for job in host.added] == [
        ("own", 5, {"by": "args", "positions": [0]}, None),
        (None, 0, {"by": "task"}, "2026-11-24T10:00:00Z"),
        ("test/1/process/2", 0, {"by": "args"}, "2026-11-24T10:00:00+00:00"),
    ]
    with pytest.raises(Problem, match="no time zone"):
        host.process(lambda job: tasks.add_with("a", [], run_at=datetime(2026, 1, 1)))
    with pytest.raises(Problem, match="cannot be written as JSON"):
        host.process(lambda job: tasks.add("a", object()))


def test_handlers_add_jobs_with_keys_of_their_own() -> None:
    host = FakeHost()
    host.next_id(lambda: tasks.add("a"))
    host.on_add(lambda job: tasks.add("a"))
    host.on_progress(lambda job, progress: tasks.add("a"), 0, 0)
    host.on_success(lambda job, response: tasks.add("a"), None)
    host.on_error(lambda job, problem: tasks.add("a"), Problem("c", "m"))
    assert [job.key for job in host.added] == [None, "test/1/add/0", None, "test/1/success/0", "test/1/error/0"]


def test_a_problem_of_the_host_has_its_code() -> None:
    with pytest.raises(Problem) as raised:
        FakeHost(queue_size=0).process(lambda job: tasks.add("a"))
    assert (raised.value.code, raised.value.message) == ("queue-full", "the queue of `a` is full")


def test_jobs_are_looked_up_and_cancelled() -> None:
    ended = JobView(5, Status.SUCCESS, 1, 1, "done", {"ok": 1})
    host = FakeHost().job("a", ended)
    found: list[JobView] = []
    host.process(lambda job: found.extend([tasks.get("a", 5), tasks.get("a", tasks.add("a"))]))
    assert found == [ended, JobView(1, Status.WAITING, 0, 0, "", None)]
    host.process(lambda job: tasks.cancel("a", 1))
    assert host.status("a", 1) is Status.FAILURE
    for call, code in [(lambda job: tasks.cancel("a", 5), "ended"), (lambda job: tasks.get("a", 9), "unknown-job")]:
        with pytest.raises(Problem) as raised:
            host.process(call)
        assert raised.value.code == code


def test_a_call_that_failed_leaves_nothing_behind_for_the_next_one() -> None:
    def fails(job: Job) -> None:
        tasks.add("a")
        raise Retry("busy", "x")

    host = FakeHost()
    with pytest.raises(Retry):
        host.process(fails)
    assert host.process(lambda job: tasks.add("a")) == 1

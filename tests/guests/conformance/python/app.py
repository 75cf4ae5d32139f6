"""The conformance guest in Python. ``../README.md`` says what each function does."""

import json
import logging
import os
import random as randomness
from collections.abc import Callable
from typing import Any

from saggar_guest import (
    Job,
    Problem,
    Progress,
    Reject,
    Retry,
    RetryAfter,
    http,
    kv,
    log,
    next_id,
    on_add,
    on_error,
    on_progress,
    on_success,
    processor,
    tasks,
)


@processor(default=True)
def echo(job: Job, value: Any) -> Any:
    return value


@processor
def nothing(job: Job) -> None:
    pass


@processor
def unicode(job: Job) -> str:
    return 'ünï 日本語 👩‍🚀 " \\ \0 end'


@processor
def progress(job: Job) -> str:
    job.progress(1, 2, "half")
    job.progress(2, 2, "done ✓")
    return "reported"


@processor
def context(job: Job) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "task": job.task,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "has_deadline": job.remaining is not None,
        "is_cancelled": job.is_cancelled,
        "trace_parent": job.trace_parent,
    }


@processor
def levels(job: Job) -> None:
    log.debug("at debug")
    logging.info("at %s", "info")
    log.warn("at warn")
    logging.getLogger("conformance").error("at error")


@processor("print")
def print_word(job: Job, word: str) -> None:
    print(word, end="")


@processor
def exchange(job: Job, url: str) -> Any:
    try:
        response = http.post(url, headers={"authorization": "Bearer $SECRET.it"}, json={"a": "ü"})
    except Problem as problem:
        return problem.code
    return [response.status, response.header("X-Echo"), response.json()]


@processor
def reject(job: Job) -> None:
    raise Reject("no-page", "page 7 does not exist", {"page": 7})


@processor
def retry(job: Job) -> int:
    if job.attempt == 1:
        raise Retry("busy", "attempt 1 is busy", {"attempt": 1})
    return job.attempt


@processor
def later(job: Job) -> int:
    if job.attempt == 1:
        raise RetryAfter(0.001, "not-yet", "a moment")
    return job.attempt


@processor
def broken(job: Job) -> None:
    raise ValueError("it is broken")


@processor
def children(job: Job) -> list[int]:
    ids = [tasks.add("journal", "first"), tasks.add("journal", "second")]
    if job.attempt == 1:
        raise Retry("busy", "attempt 1 fails after it has added its jobs")
    return ids


@processor
def options(job: Job) -> list[int]:
    return [
        tasks.add_with("journal", ["keyed"], key="the only one"),
        tasks.add_with("journal", ["keyed"], key="the only one"),
        tasks.add_with("journal", ["free"], key=None),
        tasks.add_with("journal", ["free"], key=None),
        tasks.add_with("journal", ["late"], delay=3600, priority=7),
    ]


@processor
def lookup(job: Job, task: str, id: int) -> dict[str, Any]:
    found = tasks.get(task, id)
    return {
        "id": found.id,
        "status": found.status.value,
        "current": found.current,
        "total": found.total,
        "message": found.message,
        "response": found.response,
    }


@processor
def cancel(job: Job, task: str, id: int) -> str:
    try:
        tasks.cancel(task, id)
    except Problem as problem:
        return problem.code
    return "cancelled"


@processor
def unknown(job: Job) -> str:
    try:
        return str(tasks.add("nowhere"))
    except Problem as problem:
        return problem.code


@processor
def passed(job: Job) -> int:
    return tasks.add("nowhere")


@processor
def ident(job: Job) -> str:
    return str(job.id)


@processor
def random(job: Job) -> float:
    return randomness.random()


@processor
def ledger(job: Job) -> list[Any]:
    none = kv.get("ledger/none")
    first = kv.swap("ledger/a", None, "one")
    second = kv.swap("ledger/a", None, "two")
    third = kv.swap("ledger/a", first, "two")
    value = kv.get("ledger/a")
    sums = [kv.increment("ledger/n", 5), kv.increment("ledger/n", -7)]
    kv.set("ledger/text", "x", ttl=3600)
    refused = or_code(lambda: kv.increment("ledger/text"))
    keys = list(kv.keys("ledger/"))
    removed = [kv.remove("ledger/a"), kv.remove("ledger/a")]
    return [none, first is not None, second is not None, third is not None, value, *sums, refused, keys, *removed]


@processor
def stored(job: Job, key: str, value: Any) -> Any:
    def store() -> Any:
        kv.set(key, value)
        return kv.get(key)

    return or_code(store)


@processor
def kept(job: Job, key: str) -> Any:
    return or_code(lambda: kv.get(key))


def or_code(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Problem as problem:
        return problem.code


@processor
def files(job: Job) -> str:
    with open("/scratch/word", "w", encoding="utf-8") as file:
        file.write(os.environ["WORD"])
    with open("/scratch/word", encoding="utf-8") as file:
        return file.read()


@processor
def variable(job: Job, name: str) -> str | None:
    return os.environ.get(name)


@processor
def written(job: Job, path: str, content: str) -> str:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError:
        return "refused"
    return contents(job, path)


@processor
def contents(job: Job, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return "refused"


@next_id
def counter() -> None:
    return None


@next_id
def fixed() -> int:
    return 4711


@next_id
def large() -> int:
    return 2**53 + 1


@next_id
def exhausted() -> int:
    raise Problem("no-ids", "no ids are left")


@on_add
def added(job: Job) -> None:
    log.info("added %d", job.id)


@on_progress
def progressed(job: Job, progress: Progress) -> None:
    log.info("progressed %d %d/%d %s", job.id, progress.current, progress.total, progress.message)


@on_success
def succeeded(job: Job, response: Any) -> None:
    log.info("succeeded %d %s", job.id, json.dumps(response, separators=(",", ":")))


@on_success
def repeated(job: Job, response: Any) -> None:
    tasks.add("journal", "succeeded")
    raise Problem("as-asked", "the handler fails")


@on_error
def failed(job: Job, problem: Problem) -> None:
    log.info("failed %d %s: %s", job.id, problem.code, problem.message)

"""Write Saggar plugins in Python: mark functions, and the host calls them with the job and its arguments.

    from saggar_guest import Job, Reject, processor

    @processor
    def thumbnail(job: Job, url: str, width: int = 64) -> dict:
        if not url:
            raise Reject("no-url", "the URL is empty")
        job.progress(1, 1, "done")
        return {"url": url, "width": width}

componentize-py makes a component of the module; the README of this package shows how.
"""

from . import http, kv, log, tasks
from ._errors import Problem, Reject, Retry, RetryAfter
from ._job import Job, Progress
from ._roles import next_id, on_add, on_error, on_progress, on_success, processor

__all__ = [
    "Job",
    "Problem",
    "Progress",
    "Reject",
    "Retry",
    "RetryAfter",
    "http",
    "kv",
    "log",
    "next_id",
    "on_add",
    "on_error",
    "on_progress",
    "on_success",
    "processor",
    "tasks",
]

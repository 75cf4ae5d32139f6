"""The plugin `{{name}}`."""

from saggar_guest import Job, Reject, log, processor


@processor
def run(job: Job, name: str) -> str:
    """Runs one job. The parameters after `job` are the job's arguments; what it returns is the job's response."""
    if not name:
        # Ends the job as FAILURE; any other exception is tried again.
        raise Reject("no-name", "the name is empty")
    log.info(f"greeting {name}")
    job.progress(1, 1, "greeted")
    return f"Hello, {name}!"

-- Version 11: recordings of attempts, from which they can be run again. Their numbers grow, and the oldest of a task are
-- removed first. `jobs.flags` has 2048 for a job that has or had one.

CREATE TABLE recordings (
    recording INTEGER PRIMARY KEY AUTOINCREMENT,
    task INTEGER NOT NULL,
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE INDEX recordings_of_task ON recordings (task, recording);
CREATE UNIQUE INDEX recordings_of_job ON recordings (job, run);

-- Maintained, never recounted.
CREATE TABLE recording_counts (
    task INTEGER PRIMARY KEY,
    recordings INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);

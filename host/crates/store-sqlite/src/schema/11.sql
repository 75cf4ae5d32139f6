-- Version 11: recordings of attempts, from which they can be run again. The oldest are removed first, of a task or of any
-- task: `stored` is greater than those of all earlier ones. `recording` numbers the recordings of a task, so that its pages do
-- not tell how many there are of others. `jobs.flags` has 2048 for a job that has or had one.

CREATE TABLE recordings (
    stored INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX recordings_of_task ON recordings (task, recording);
CREATE UNIQUE INDEX recordings_of_job ON recordings (job, run);

-- Maintained, never recounted. `last` is the highest `recording` ever assigned in the task.
CREATE TABLE recording_counts (
    task INTEGER PRIMARY KEY,
    recordings INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last INTEGER NOT NULL
);

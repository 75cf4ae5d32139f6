-- Version 2: jobs with keys, unique jobs, tasks that are paused.

ALTER TABLE tasks ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE details ADD COLUMN key TEXT;
ALTER TABLE details ADD COLUMN fingerprint TEXT;

-- `kind`: 0 key, of any kept job; 1 fingerprint, of a job that waits or runs.
CREATE TABLE names (
    task INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, kind, name)
) WITHOUT ROWID;

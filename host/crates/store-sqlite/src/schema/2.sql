-- Version 2: idempotency keys, unique jobs, paused tasks.

ALTER TABLE tasks ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE details ADD COLUMN key TEXT;
ALTER TABLE details ADD COLUMN fingerprint TEXT;

-- `kind`: 0 key, of any stored job; 1 fingerprint, of a job that waits or runs.
CREATE TABLE names (
    task INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, kind, name)
) WITHOUT ROWID;

-- Version 1. Unsigned 64-bit integers are stored as SQLite's signed integers with the same bits; times beyond its range
-- as its greatest integer. A `job` is its task's number and its own, which grows with every job of its tenant and
-- with every new place in a queue: task << 43 | number. So the jobs of a task are adjacent, in the order of adding.

CREATE TABLE tasks (
    task INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The highest id, number, notice and chunk ever assigned in the task.
    last_id INTEGER NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0,
    last_notice INTEGER NOT NULL DEFAULT 0,
    last_chunk INTEGER NOT NULL DEFAULT 0,
    -- No plain job (standing 0) up to this number waits.
    line_from INTEGER NOT NULL DEFAULT 0,
    -- Maintained, never recounted.
    waiting INTEGER NOT NULL DEFAULT 0,
    delayed INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    success INTEGER NOT NULL DEFAULT 0,
    failure INTEGER NOT NULL DEFAULT 0,
    notices INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, name)
);

-- One narrow row per job, written when it is added and when its standing changes. A claim does not write here: see
-- `claims`. Short arguments and responses are here as well, because a row of their own would cost more than they do.
CREATE TABLE jobs (
    job INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    -- 0 in the plain queue: ready since it was added, of priority 0, in the order of adding; 1 in `line`; 2 in
    -- `delayed`; 3 on hold; 4 success; 5 failure.
    standing INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    run INTEGER NOT NULL,
    place INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    run_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    args TEXT,
    response TEXT,
    component INTEGER,
    cpu_ns INTEGER,
    peak_memory INTEGER
);

CREATE TABLE ids (
    task INTEGER NOT NULL,
    id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, id)
) WITHOUT ROWID;

-- By status (0 waiting, 2 success, 3 failure), for lists: one entry for each job, except for plain jobs that
-- wait and for running jobs. Those are found without it, so that adding a plain job writes no entry.
CREATE TABLE standings (
    task INTEGER NOT NULL,
    status INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, status, number)
) WITHOUT ROWID;

-- Ready jobs that are not in the plain queue; rank is the negated priority.
CREATE TABLE line (
    task INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    place INTEGER NOT NULL,
    number INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    PRIMARY KEY (task, rank, place)
) WITHOUT ROWID;

CREATE TABLE delayed (
    task INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    place INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, run_at, place)
) WITHOUT ROWID;

-- The attempts begun in one commit, in one row: 24 bytes each (job, run, started_at; little-endian). An attempt is
-- running if it is here and its job's row has a lower run.
CREATE TABLE claims (
    batch INTEGER PRIMARY KEY,
    attempts BLOB NOT NULL
);

-- Attributes that most jobs do not have.
CREATE TABLE details (
    job INTEGER PRIMARY KEY,
    reason TEXT,
    code TEXT,
    message TEXT,
    details TEXT,
    progress_current INTEGER,
    progress_total INTEGER,
    progress_message TEXT,
    parent_tenant TEXT,
    parent_task TEXT,
    parent_id INTEGER,
    trace_parent TEXT
);

CREATE TABLE long_args (job INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE long_responses (job INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- Ended attempts, except for the one that ended a job in success, which is part of the job's row.
CREATE TABLE attempts (
    job INTEGER NOT NULL,
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    ending TEXT NOT NULL,
    code TEXT,
    message TEXT,
    component INTEGER,
    cpu_ns INTEGER,
    peak_memory INTEGER,
    fresh INTEGER,
    PRIMARY KEY (job, run)
) WITHOUT ROWID;

CREATE TABLE components (component INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);

CREATE TABLE logs (
    job INTEGER PRIMARY KEY,
    guest_lines INTEGER NOT NULL,
    guest_bytes INTEGER NOT NULL,
    host_lines INTEGER NOT NULL,
    host_bytes INTEGER NOT NULL,
    dropped_lines INTEGER NOT NULL,
    dropped_bytes INTEGER NOT NULL,
    dropped_at INTEGER NOT NULL
);

CREATE TABLE log_lines (
    job INTEGER NOT NULL,
    line INTEGER NOT NULL,
    at INTEGER NOT NULL,
    source INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, line)
) WITHOUT ROWID;

-- `about`: 0 the add, 1 the end. `put_off_to` is NULL until the notice is postponed.
CREATE TABLE notices (
    task INTEGER NOT NULL,
    notice INTEGER NOT NULL,
    number INTEGER NOT NULL,
    about INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    put_off_to INTEGER,
    PRIMARY KEY (task, notice)
) WITHOUT ROWID;
CREATE INDEX notices_put_off ON notices (task, put_off_to, notice) WHERE put_off_to IS NOT NULL;
CREATE INDEX notices_of_job ON notices (task, number);

-- For retention: the jobs that ended in one commit without pending notices, in the order of their ends, 16 bytes each
-- (number, ended_at; little-endian). An entry is stale if its job was removed or retried. Jobs that are entered after
-- others with a later end are in `ended_late`. `status`: 2 success, 3 failure.
CREATE TABLE ended (
    task INTEGER NOT NULL,
    status INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    jobs BLOB NOT NULL,
    PRIMARY KEY (task, status, chunk)
) WITHOUT ROWID;

CREATE TABLE ended_late (
    task INTEGER NOT NULL,
    status INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, status, ended_at, number)
) WITHOUT ROWID;

-- Version 1. Whole numbers of 64 bits without sign are kept bit by bit in SQLite's signed ones; moments beyond its range as
-- its greatest number. A `job` is its task's number and its own, which grows with every job added to the store and with
-- every place in a line: task << 43 | number. So the jobs of a task lie together, in the order of their adding.

CREATE TABLE tasks (
    task INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The highest id, number, notice and chunk ever given in the task.
    last_id INTEGER NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0,
    last_notice INTEGER NOT NULL DEFAULT 0,
    last_chunk INTEGER NOT NULL DEFAULT 0,
    -- Below this number no job is in the plain line (standing 0) and waits.
    line_from INTEGER NOT NULL DEFAULT 0,
    -- Kept and never counted.
    waiting INTEGER NOT NULL DEFAULT 0,
    delayed INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    success INTEGER NOT NULL DEFAULT 0,
    failure INTEGER NOT NULL DEFAULT 0,
    notices INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, name)
);

-- One narrow row a job, written when it is added and when it stands elsewhere. A claim is no write here: see `claims`.
-- Short arguments and responses stand here as well, for a row of their own would cost more than they do.
CREATE TABLE jobs (
    job INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    -- 0 in the plain line: ready since it was added, of priority 0, in the order of adding; 1 in `line`; 2 in `delayed`;
    -- 3 held; 4 success; 5 failure.
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

-- By status (0 waiting, 2 success, 3 failure), for lists: all jobs but those of the plain line that wait or run, which are
-- found without. For every job but these one entry, so that adding writes none.
CREATE TABLE standings (
    task INTEGER NOT NULL,
    status INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (task, status, number)
) WITHOUT ROWID;

-- Ready jobs that are not in the plain line; rank is the priority, negated.
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

-- The attempts begun in one commit, one row for all of them: 24 bytes each (job, run, started_at; little-endian). An
-- attempt runs if it is here and its job's row has a lower run.
CREATE TABLE claims (
    batch INTEGER PRIMARY KEY,
    attempts BLOB NOT NULL
);

-- What most jobs do not have.
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

-- Attempts that are over, but for the one that ended a job well: that is seen from its row.
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

-- `about`: 0 the adding, 1 the end. `put_off_to` is none until it is put off.
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

-- For retention: the jobs that ended in one commit and of which nothing is to be told, in the order of their ends, 16
-- bytes each (number, ended_at; little-endian). An entry whose job has gone or lives again means nothing. Those that came
-- after others that ended later are in `ended_late`. `status`: 2 success, 3 failure.
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

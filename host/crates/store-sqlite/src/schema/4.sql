-- Version 4: lanes of callbacks, and callbacks that were given up.

CREATE TABLE notices_by_lane (
    task INTEGER NOT NULL,
    -- 0 adds, 1 ends, 2 given up.
    lane INTEGER NOT NULL,
    notice INTEGER NOT NULL,
    number INTEGER NOT NULL,
    -- 0 the add, 1 the end.
    about INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    -- NULL until it is postponed, and once it is given up.
    put_off_to INTEGER,
    -- Why its handler last failed.
    code TEXT,
    message TEXT,
    PRIMARY KEY (task, lane, notice)
) WITHOUT ROWID;
INSERT INTO notices_by_lane SELECT task, about, notice, number, about, tries, put_off_to, NULL, NULL FROM notices;
DROP TABLE notices;
ALTER TABLE notices_by_lane RENAME TO notices;
CREATE INDEX notices_put_off ON notices (task, lane, put_off_to, notice) WHERE put_off_to IS NOT NULL;
CREATE INDEX notices_of_job ON notices (task, number);

-- Maintained, never recounted: pending callbacks that failed often, and those that were given up.
ALTER TABLE tasks ADD COLUMN deferred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;

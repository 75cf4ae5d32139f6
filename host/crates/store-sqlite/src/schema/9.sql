-- Version 9: the key-value stores of tenants. A store whose tenant was removed has the tenant NULL; its entries are deleted
-- in steps, then its row.

CREATE TABLE kv_spaces (
    space INTEGER PRIMARY KEY,
    tenant TEXT UNIQUE,
    -- Maintained, never recounted.
    keys INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- The highest version ever given to an entry.
    last_version INTEGER NOT NULL
);

-- `expires_at` is NULL if the entry does not expire. The value is last, so that a search for keys does not read it.
CREATE TABLE kv (
    space INTEGER NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    value BLOB NOT NULL,
    PRIMARY KEY (space, key)
) WITHOUT ROWID;

CREATE INDEX kv_expiring ON kv (space, expires_at, key) WHERE expires_at IS NOT NULL;

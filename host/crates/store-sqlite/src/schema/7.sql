-- Version 7: the audit. An entry about the host itself has the tenant ''. `of_tenant` numbers the entries of a tenant, so
-- that its pages do not tell how many there are of others. `jobs` has 8 bytes for each id, little-endian.

CREATE TABLE audit (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    of_tenant INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    token TEXT,
    role TEXT,
    origin TEXT,
    action TEXT NOT NULL,
    task TEXT,
    jobs BLOB,
    requests INTEGER NOT NULL,
    count INTEGER NOT NULL,
    status INTEGER,
    code TEXT,
    detail TEXT,
    UNIQUE (tenant, of_tenant)
);

-- Maintained, never recounted. `last` is the highest `of_tenant` ever assigned.
CREATE TABLE audit_sizes (
    tenant TEXT PRIMARY KEY,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last INTEGER NOT NULL
) WITHOUT ROWID;

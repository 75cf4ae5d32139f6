-- Version 10: deployments, versions of code, and the deployment of each attempt.

CREATE TABLE deployments (
    tenant TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- 0 the start of the host, 1 a reload, 2 a rollback.
    cause INTEGER NOT NULL,
    rolled_back_to INTEGER,
    author TEXT NOT NULL,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;

CREATE TABLE deployed_code (
    tenant TEXT NOT NULL,
    deployment INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    instead_of TEXT,
    pinned INTEGER NOT NULL,
    PRIMARY KEY (tenant, deployment, entry)
) WITHOUT ROWID;

-- A version without a row here is being written, or being removed. `used` grows with every use of a version of the tenant.
CREATE TABLE versions (
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (tenant, digest)
) WITHOUT ROWID;

CREATE TABLE version_parts (
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (tenant, digest, part)
);

-- A component as a deployment ran it; 0 if there was none. The numbers of components stay.
CREATE TABLE components_of_deployments (
    component INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    deployment INTEGER NOT NULL,
    UNIQUE (digest, deployment)
);
INSERT INTO components_of_deployments SELECT component, digest, 0 FROM components;
DROP TABLE components;
ALTER TABLE components_of_deployments RENAME TO components;

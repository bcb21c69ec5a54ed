-- A floor may be limited to the tokens for one tenant; the known time. Runs unchanged on SQLite and PostgreSQL.

-- An empty tenant stands for all tokens. SQLite cannot change a primary key, so the table is made anew.
CREATE TABLE floors_of_tenants (
    kind TEXT NOT NULL CHECK (kind IN ('subject', 'client', 'role', 'sid', 'jti')),
    subject TEXT NOT NULL,
    tenant TEXT NOT NULL DEFAULT '',
    revision BIGINT NOT NULL CHECK (revision > 0),
    ends_at BIGINT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (kind, subject, tenant)
);
INSERT INTO floors_of_tenants (kind, subject, revision, ends_at) SELECT kind, subject, revision, ends_at FROM floors;
DROP TABLE floors;
ALTER TABLE floors_of_tenants RENAME TO floors;
CREATE INDEX floors_by_revision ON floors (revision);
CREATE INDEX floors_by_end ON floors (ends_at);
-- The owner of a floor for one token, session or tenant is the subject: one with too many of them gets a floor for all.
CREATE INDEX floors_by_owner ON floors (owner) WHERE owner <> '';

-- The time by which expired rows are deleted, so that a restart does not trust a wrong clock. `jumped_by` is how far
-- the clock went when `jumped_at` was noticed, 0 once it is right again.
CREATE TABLE known_times (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    known_at BIGINT NOT NULL,
    jumped_at BIGINT,
    jumped_by BIGINT NOT NULL DEFAULT 0
);

-- What each change of the policy touched, so that a node that knows an earlier one reads only that anew. Each row
-- names the policy revision before it: a gap shows, and then everything is read. Runs unchanged on SQLite and
-- PostgreSQL.
CREATE TABLE policy_changes (
    revision BIGINT NOT NULL CHECK (revision > previous),
    kind TEXT NOT NULL CHECK (kind IN ('all', 'role', 'permission')),
    name TEXT NOT NULL,
    previous BIGINT NOT NULL,
    PRIMARY KEY (revision, kind, name)
);

-- A consent is for the audience and the tenant that were shown, and what was allowed altogether is bounded by the most that
-- the client could have then. What was allowed before says none of that, so that users are asked again. Runs unchanged on
-- SQLite and PostgreSQL.
DROP TABLE consents;

CREATE TABLE consents (
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource TEXT NOT NULL,
    tenant TEXT NOT NULL,
    scopes TEXT NOT NULL,
    ceiling TEXT NOT NULL,
    registration TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, client_id, resource, tenant)
);

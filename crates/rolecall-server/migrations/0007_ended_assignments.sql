-- The last time that an assignment was taken away, so that a decision can say what was lost. Runs unchanged on
-- SQLite and PostgreSQL.
CREATE TABLE ended_assignments (
    subject_id TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    ended_at BIGINT NOT NULL,
    ended_by TEXT NOT NULL,
    PRIMARY KEY (subject_id, role, tenant)
);
CREATE INDEX ended_assignments_by_role ON ended_assignments (role);

-- Roles that nobody gives alone, and who asked that somebody be given one. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE roles ADD COLUMN approval BOOLEAN NOT NULL DEFAULT FALSE;

-- An empty tenant stands for a global assignment. A request that is replaced gets another id: whoever confirms
-- one confirms what they saw.
CREATE TABLE assignment_requests (
    id TEXT PRIMARY KEY,
    subject_id TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    tenant TEXT NOT NULL DEFAULT '',
    valid_from BIGINT,
    expires_at BIGINT,
    reason TEXT,
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    UNIQUE (subject_id, role, tenant),
    CHECK (valid_from IS NULL OR expires_at IS NULL OR valid_from < expires_at)
);
CREATE INDEX assignment_requests_by_role ON assignment_requests (role);

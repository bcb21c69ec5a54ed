-- The roles that living tokens have active, for constraints that count a subject's together. Runs unchanged on SQLite
-- and PostgreSQL.

-- Only roles that such a constraint lists. A token may outlive its session, so no foreign key refers to that: a row goes
-- with the token, by time or by a floor. An empty tenant stands for none.
CREATE TABLE active_roles (
    session_id TEXT NOT NULL,
    role TEXT NOT NULL,
    tenant TEXT NOT NULL DEFAULT '',
    subject_id TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (role, session_id, tenant)
);
CREATE INDEX active_roles_by_session ON active_roles (session_id);
CREATE INDEX active_roles_by_subject ON active_roles (subject_id, ends_at);
CREATE INDEX active_roles_by_end ON active_roles (ends_at);

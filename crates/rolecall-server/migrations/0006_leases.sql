-- Whose turn it is to do what one node at a time does. Runs unchanged on SQLite and PostgreSQL.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    ends_at BIGINT NOT NULL
);
INSERT INTO leases (name, holder, ends_at) VALUES ('clean-up', '', 0);
-- old failures are looked for by their time, and guesses at made-up names leave many
CREATE INDEX login_failures_by_time ON login_failures (last_failed_at);

-- The verified address that an account without a second factor had before its owner replaced or removed it: the code
-- before the first factor goes there for a while. Runs unchanged on SQLite and PostgreSQL.

CREATE TABLE rolecall_former_addresses (
    subject_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX rolecall_former_addresses_by_end ON rolecall_former_addresses (expires_at);

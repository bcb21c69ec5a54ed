-- The policy as it was, to compare and to go back to. Runs unchanged on SQLite and PostgreSQL.

CREATE TABLE rolecall_policy_versions (
    -- at which the policy was this document
    revision BIGINT PRIMARY KEY,
    -- the last revision of the policy at which it was seen to be the same
    seen_revision BIGINT NOT NULL,
    digest TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    document TEXT NOT NULL
);

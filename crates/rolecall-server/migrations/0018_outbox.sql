-- What is to be done after the commit that it tells of: one row for each, until it is done. Runs unchanged on SQLite and
-- PostgreSQL. The names have a prefix because applications have such tables too.
CREATE TABLE rolecall_outbox (
    -- by which a receiver recognizes what it was told before
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind <> ''),
    subject_id TEXT NOT NULL,
    -- the order of what concerns one subject
    revision BIGINT NOT NULL,
    part BIGINT NOT NULL,
    -- JSON, without secrets
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    given_up_at BIGINT
);
CREATE INDEX rolecall_outbox_by_time ON rolecall_outbox (next_attempt_at);
CREATE INDEX rolecall_outbox_by_subject ON rolecall_outbox (subject_id, revision, part);

-- The kinds that some process reads, and until when it is expected back. Nothing else is written.
CREATE TABLE rolecall_outbox_readers (
    kind TEXT PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

INSERT INTO leases (name, holder, ends_at) VALUES ('outbox', '', 0);

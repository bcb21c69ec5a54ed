-- Mail. Runs unchanged on SQLite and PostgreSQL. The names have a prefix because applications have such tables too.

-- Mails to send, each written in the transaction of what it tells of. They are made of their values when they are sent.
CREATE TABLE rolecall_mails (
    id TEXT PRIMARY KEY,
    -- the user whom it concerns, if there is one; the user may be deleted meanwhile, so that the column refers to nobody
    subject_id TEXT,
    kind TEXT NOT NULL,
    -- empty until the user is looked up
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    -- the values, JSON that is encrypted with the master key: links in it are secrets
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- it is of no use afterwards
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    last_error TEXT,
    -- when it was given up; the values are deleted then
    failed_at BIGINT
);
CREATE INDEX rolecall_mails_by_time ON rolecall_mails (due_at);
CREATE INDEX rolecall_mails_by_age ON rolecall_mails (created_at);

-- The links in mails that were not used yet. Each kind is hashed in its own context.
CREATE TABLE rolecall_mail_tokens (
    hash TEXT PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('reset', 'verify', 'change')),
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- the address that the link was sent to
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX rolecall_mail_tokens_by_subject ON rolecall_mail_tokens (subject_id, purpose);
CREATE INDEX rolecall_mail_tokens_by_end ON rolecall_mail_tokens (expires_at);

-- The times of the last three mails of one sort to one address, the newest first. The key is a keyed hash of both.
CREATE TABLE rolecall_mail_counts (
    key TEXT PRIMARY KEY,
    newest BIGINT NOT NULL,
    middle BIGINT NOT NULL,
    oldest BIGINT NOT NULL
);
CREATE INDEX rolecall_mail_counts_by_time ON rolecall_mail_counts (newest);

-- Invitations that were not accepted yet.
CREATE TABLE rolecall_invitations (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    -- the address in the form in which addresses are compared
    address_key TEXT NOT NULL,
    -- a list in JSON
    roles TEXT NOT NULL,
    -- the tenant in which the roles are given; empty for none
    tenant TEXT NOT NULL,
    -- as the audit log names them
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX rolecall_invitations_by_address ON rolecall_invitations (address_key);
CREATE INDEX rolecall_invitations_by_end ON rolecall_invitations (expires_at);

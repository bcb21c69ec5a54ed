-- Codes in mails that somebody types into a sign-in. Runs unchanged on SQLite and PostgreSQL.

CREATE TABLE rolecall_mail_codes (
    flow_id TEXT NOT NULL REFERENCES sign_in_flows (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('sign-in', 'verify')),
    -- under which wrong codes are counted, whether there is such an account or not
    account TEXT NOT NULL,
    -- nothing until the sender has looked up who is meant, and nothing for ever if nobody is
    subject_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    address TEXT,
    hash TEXT,
    tries BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (flow_id, purpose)
);
CREATE INDEX rolecall_mail_codes_by_subject ON rolecall_mail_codes (subject_id);

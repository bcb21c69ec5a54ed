-- Second factors. Runs unchanged on SQLite and PostgreSQL.

-- The secret of a TOTP application is sealed with the master key; a passkey has its public record there. A factor that was
-- not confirmed is an enrolment under way. `last_step` is the newest time step whose code was used: none is used twice.
CREATE TABLE factors (
    id TEXT PRIMARY KEY,
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('totp', 'passkey')),
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    last_step BIGINT NOT NULL,
    confirmed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX factors_by_subject ON factors (subject_id);

-- Keyed hashes; a code that is used is deleted.
CREATE TABLE recovery_codes (
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    PRIMARY KEY (subject_id, hash)
);

-- The ids of the factors that a sign-in rests on, separated by spaces: it ends with them.
ALTER TABLE browser_sessions ADD COLUMN credentials TEXT NOT NULL DEFAULT '';
ALTER TABLE authorization_codes ADD COLUMN credentials TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN credentials TEXT NOT NULL DEFAULT '';

-- The wrong codes in a sign-in, and the enrolment that it has begun.
ALTER TABLE sign_in_flows ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sign_in_flows ADD COLUMN enrolment TEXT;

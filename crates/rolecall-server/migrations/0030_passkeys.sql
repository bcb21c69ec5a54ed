-- Passkeys. Runs unchanged on SQLite and PostgreSQL.

-- The random bytes that stand for a user in their authenticators: they say nothing about the user.
CREATE TABLE user_handles (
    subject_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    handle TEXT NOT NULL UNIQUE
);

-- The other half of a factor of the kind 'passkey'. Bytes are in base64url. A passkey works under the host for which it was
-- made, its `rp_id`, and under no other.
CREATE TABLE passkeys (
    factor_id TEXT PRIMARY KEY REFERENCES factors (id) ON DELETE CASCADE,
    credential_id TEXT NOT NULL UNIQUE,
    rp_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    counter BIGINT NOT NULL,
    transports TEXT NOT NULL,
    model TEXT NOT NULL,
    is_backup_eligible BOOLEAN NOT NULL,
    is_backed_up BOOLEAN NOT NULL,
    has_verified_user BOOLEAN NOT NULL
);

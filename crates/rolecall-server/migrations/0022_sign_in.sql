-- Signing in with a browser. Runs unchanged on SQLite and PostgreSQL.

-- One key per algorithm in use signs: those of the slot `access` sign access tokens, those of `id_token:RS256` and so on
-- the ID tokens of clients that want another algorithm.
ALTER TABLE signing_keys ADD COLUMN slot TEXT NOT NULL DEFAULT 'access';
DROP INDEX signing_keys_active;
DROP INDEX signing_keys_next;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (slot) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_next ON signing_keys (slot) WHERE state = 'next';

-- The kind of application, for clients through which people sign in, and the rest of what they registered, in JSON.
ALTER TABLE clients ADD COLUMN application TEXT CHECK (application IN ('web', 'native', 'browser'));
ALTER TABLE clients ADD COLUMN sign_in TEXT NOT NULL DEFAULT '{}';

-- Somebody who is signed in with a browser. The cookie holds the secret, this table its hash; another era ends all. The
-- previous secret counts a moment longer: two tabs may renew it at once, or an answer with the new one be lost.
CREATE TABLE browser_sessions (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT,
    replaced_at BIGINT,
    era TEXT NOT NULL,
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    amr TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    stays BOOLEAN NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX browser_sessions_by_previous ON browser_sessions (previous_hash);
CREATE INDEX browser_sessions_by_subject ON browser_sessions (subject_id);
CREATE INDEX browser_sessions_by_use ON browser_sessions (last_used_at);

-- What a session of a client has from the browser session that it was opened in. `identity` are the scopes of OpenID
-- Connect that were granted, separated by spaces.
ALTER TABLE sessions ADD COLUMN browser_session TEXT;
ALTER TABLE sessions ADD COLUMN identity TEXT;
ALTER TABLE sessions ADD COLUMN auth_time BIGINT;
ALTER TABLE sessions ADD COLUMN amr TEXT;
CREATE INDEX sessions_by_browser_session ON sessions (browser_session);

-- Somebody who is signing in. The URL holds the id, the cookie the secret; the request is never changed, and the choice of a
-- tenant and of roles lies beside it, in JSON.
CREATE TABLE sign_in_flows (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    era TEXT NOT NULL,
    client_id TEXT REFERENCES clients (id) ON DELETE CASCADE,
    request TEXT NOT NULL,
    subject_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    proofs TEXT NOT NULL,
    choice TEXT NOT NULL,
    consented BOOLEAN NOT NULL,
    stays BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX sign_in_flows_by_use ON sign_in_flows (last_used_at);

-- Codes that were issued (RFC 6749 section 4.1.2), by their hash. A spent one stays until it would have expired twice
-- over, so that its second use ends what its first use opened.
CREATE TABLE authorization_codes (
    hash TEXT PRIMARY KEY,
    era TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    browser_session TEXT NOT NULL,
    request TEXT NOT NULL,
    amr TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    session_id TEXT NOT NULL,
    spent BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

-- What a user has allowed a client. An empty resource stands for none.
CREATE TABLE consents (
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    resource TEXT NOT NULL,
    scopes TEXT NOT NULL,
    registration TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, client_id, resource)
);

-- Log-out. Runs unchanged on SQLite and PostgreSQL.

-- The clients to which somebody signed in with a browser, each with the session (`sid`) that its ID token names. The
-- session of a client may end long before that of the browser, and the client is told of the log-out all the same.
CREATE TABLE signed_in_clients (
    session_id TEXT PRIMARY KEY,
    browser_session TEXT NOT NULL,
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    ends_at BIGINT NOT NULL
);
CREATE INDEX signed_in_clients_by_browser_session ON signed_in_clients (browser_session);
CREATE INDEX signed_in_clients_by_subject ON signed_in_clients (subject_id);
CREATE INDEX signed_in_clients_by_end ON signed_in_clients (ends_at);

-- Logout tokens to send, each written in the transaction that ended the session. The token itself is made when it is
-- sent. The user may be deleted meanwhile, so that the column refers to nobody.
CREATE TABLE logout_notices (
    session_id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    subject_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX logout_notices_by_time ON logout_notices (next_attempt_at);
CREATE INDEX logout_notices_by_client ON logout_notices (client_id);

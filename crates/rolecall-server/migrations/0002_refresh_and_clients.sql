-- Refresh tokens and OAuth clients. Runs unchanged on SQLite and PostgreSQL.

-- A session may have a refresh token: which generation of it counts now, and since when. The token itself is
-- nowhere: it is a MAC over these under a key that is not in the database. No salt means no refresh token.
ALTER TABLE sessions ADD COLUMN salt TEXT;
ALTER TABLE sessions ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN rotated_at BIGINT NOT NULL DEFAULT 0;
-- What the log-in was granted, so that a value that was lost since can be told from one that never was.
ALTER TABLE sessions ADD COLUMN granted TEXT;
CREATE INDEX sessions_by_client ON sessions (client_id);
CREATE INDEX sessions_by_use ON sessions (last_used_at);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL DEFAULT 'client' CHECK (kind = 'client'),
    name TEXT NOT NULL UNIQUE,
    public BOOLEAN NOT NULL,
    grants TEXT NOT NULL,
    audiences TEXT NOT NULL,
    scope TEXT,
    redirect_uris TEXT NOT NULL,
    secret_hash TEXT,
    previous_secret_hash TEXT,
    previous_secret_ends_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    FOREIGN KEY (id, kind) REFERENCES subjects (id, kind) ON DELETE CASCADE,
    CHECK (public = (secret_hash IS NULL)),
    CHECK ((previous_secret_hash IS NULL) = (previous_secret_ends_at IS NULL))
);

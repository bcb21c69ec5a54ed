-- APIs that tokens can be limited to. Runs unchanged on SQLite and PostgreSQL.

-- A token whose audience is `uri` carries the permissions of the `objects`, in JSON, and the roles that give some of
-- them. `default_scope` is what it is limited to if nothing was asked for.
CREATE TABLE resources (
    id TEXT PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    objects TEXT NOT NULL,
    default_scope TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

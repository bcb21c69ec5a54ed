-- Runs unchanged on SQLite and PostgreSQL. Times are microseconds since the epoch.

-- The one row that orders everything: whoever changes something begins by raising `revision`,
-- and so waits here for whoever is changing something else.
CREATE TABLE head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL,
    policy_revision BIGINT NOT NULL,
    keys_revision BIGINT NOT NULL,
    era TEXT NOT NULL,
    longest_ttl_seconds BIGINT NOT NULL CHECK (longest_ttl_seconds >= 0),
    master_key_fingerprint TEXT NOT NULL,
    CHECK (policy_revision BETWEEN 0 AND revision),
    CHECK (keys_revision BETWEEN 0 AND revision)
);

-- Keys of rolecall's own, sealed with the master key.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL
);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    retired_at BIGINT
);

-- Users and clients share one space of ids, so that a subject is never both.
CREATE TABLE subjects (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'client')),
    UNIQUE (id, kind)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL DEFAULT 'user' CHECK (kind = 'user'),
    username TEXT NOT NULL UNIQUE CHECK (username <> ''),
    email TEXT,
    disabled BOOLEAN NOT NULL CHECK (disabled IN (FALSE, TRUE)),
    must_change_password BOOLEAN NOT NULL CHECK (must_change_password IN (FALSE, TRUE)),
    password_hash TEXT,
    reset_code_hash TEXT,
    reset_expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((reset_code_hash IS NULL) = (reset_expires_at IS NULL)),
    FOREIGN KEY (id, kind) REFERENCES subjects (id, kind) ON DELETE CASCADE
);

-- Failures in a row, by a keyed hash of the user name: unknown names are counted alike.
CREATE TABLE login_failures (
    account TEXT PRIMARY KEY,
    failures BIGINT NOT NULL CHECK (failures > 0),
    last_failed_at BIGINT NOT NULL
);

CREATE TABLE roles (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE permissions (
    name TEXT PRIMARY KEY,
    object TEXT NOT NULL CHECK (object <> ''),
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CHECK (SUBSTR(name, 1, LENGTH(object) + 1) = object || ':')
);
CREATE INDEX permissions_by_object ON permissions (object);

CREATE TABLE role_permissions (
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission TEXT NOT NULL REFERENCES permissions (name),
    PRIMARY KEY (role, permission)
);
CREATE INDEX role_permissions_by_permission ON role_permissions (permission);

-- `items:*`: every operation of an object, those of tomorrow too.
CREATE TABLE role_wildcards (
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    object TEXT NOT NULL CHECK (object <> ''),
    PRIMARY KEY (role, object)
);

CREATE TABLE role_juniors (
    senior TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    junior TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    PRIMARY KEY (senior, junior),
    CHECK (senior <> junior)
);
CREATE INDEX role_juniors_by_junior ON role_juniors (junior);

-- An empty tenant stands for a global assignment.
CREATE TABLE role_assignments (
    subject_id TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    tenant TEXT NOT NULL DEFAULT '',
    valid_from BIGINT,
    expires_at BIGINT,
    reason TEXT,
    assigned_by TEXT NOT NULL,
    assigned_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, role, tenant),
    CHECK (valid_from IS NULL OR expires_at IS NULL OR valid_from < expires_at)
);
CREATE INDEX role_assignments_by_role ON role_assignments (role);

-- What was asked for at the log-in; each token is made from it anew.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    subject_id TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    scope TEXT,
    audience TEXT,
    tenant TEXT,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_subject ON sessions (subject_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE floors (
    kind TEXT NOT NULL CHECK (kind IN ('subject', 'client', 'role', 'sid', 'jti')),
    subject TEXT NOT NULL,
    revision BIGINT NOT NULL CHECK (revision > 0),
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX floors_by_revision ON floors (revision);
CREATE INDEX floors_by_end ON floors (ends_at);

-- One entry a revision, each with the mark of the one before.
CREATE TABLE audit (
    revision BIGINT PRIMARY KEY CHECK (revision > 0),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    changes TEXT NOT NULL,
    mark TEXT NOT NULL
);

-- Log-ins and refusals: counted, not chained.
CREATE TABLE audit_events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject_id TEXT,
    address TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_events_by_time ON audit_events (at);

-- Devices on which a sign-in asks for no second factor for a while. Runs unchanged on SQLite and PostgreSQL.
CREATE TABLE rolecall_remembered_devices (
    id TEXT PRIMARY KEY,
    -- the keyed hash of the cookie
    hash TEXT NOT NULL UNIQUE,
    era TEXT NOT NULL,
    subject_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX rolecall_remembered_devices_by_subject ON rolecall_remembered_devices (subject_id);
CREATE INDEX rolecall_remembered_devices_by_end ON rolecall_remembered_devices (expires_at);

-- the device is to be remembered when the sign-in concludes
ALTER TABLE sign_in_flows ADD COLUMN remembers BOOLEAN NOT NULL DEFAULT FALSE;

-- The authentication of the newest mark of the audit log, changes that are too many for an entry, and who made a reset
-- code. Runs unchanged on SQLite and PostgreSQL.

-- A MAC over the newest revision and its mark. NULL until the first change after this migration.
ALTER TABLE head ADD COLUMN audit_seal TEXT;

-- Parts of entries; the entry holds the digest of its parts.
CREATE TABLE audit_details (
    revision BIGINT NOT NULL,
    part BIGINT NOT NULL,
    changes TEXT NOT NULL,
    PRIMARY KEY (revision, part)
);

-- Who made the reset code, as the audit log names them, and from where. NULL for codes that were made before.
ALTER TABLE users ADD COLUMN reset_by TEXT;
ALTER TABLE users ADD COLUMN reset_address TEXT;

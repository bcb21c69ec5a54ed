-- A device token names how often the account had got another password or name when it was made. Runs unchanged on SQLite
-- and PostgreSQL.

ALTER TABLE users ADD COLUMN device_epoch BIGINT NOT NULL DEFAULT 0;

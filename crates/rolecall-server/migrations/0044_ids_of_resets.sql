-- Each reset has an id, so that a confirmation names the one that it is about. Codes from before cannot be confirmed by a
-- second person. Runs unchanged on SQLite and PostgreSQL.

ALTER TABLE users ADD COLUMN reset_id TEXT;
ALTER TABLE users ADD COLUMN reset_at BIGINT;

-- Reset codes that are good only with a confirmation. Runs unchanged on SQLite and PostgreSQL.

ALTER TABLE users ADD COLUMN reset_unconfirmed BOOLEAN NOT NULL DEFAULT FALSE;
-- As the audit log names them.
ALTER TABLE users ADD COLUMN reset_confirmed_by TEXT;

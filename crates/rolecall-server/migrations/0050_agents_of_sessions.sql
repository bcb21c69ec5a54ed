-- The program and the system that a client named when its user signed in, such as "Firefox on Linux"; nothing if it named
-- none that is known. Runs unchanged on SQLite and PostgreSQL.

ALTER TABLE browser_sessions ADD COLUMN agent TEXT;
ALTER TABLE sessions ADD COLUMN agent TEXT;

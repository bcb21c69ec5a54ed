-- Whether applications may check for a role by its name. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE roles ADD COLUMN by_name BOOLEAN NOT NULL DEFAULT TRUE;

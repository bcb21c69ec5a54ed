-- The assurance that a session needs to have a role. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE roles ADD COLUMN acr TEXT NOT NULL DEFAULT 'aal1' CHECK (acr IN ('aal1', 'aal2', 'phr'));

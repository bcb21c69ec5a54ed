-- Whether applications may check for a role by its name. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE roles ADD COLUMN by_name BOOLEAN NOT NULL DEFAULT TRUE;

-- Who was shown a secret of a client, and so can act as it. Clients from before have nobody here.
CREATE TABLE client_controllers (
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    PRIMARY KEY (client_id, actor)
);

-- Whether a dynamic constraint counts the roles of all live sessions of a subject, or those of one session.
ALTER TABLE role_constraints ADD COLUMN per_subject BOOLEAN NOT NULL DEFAULT FALSE;

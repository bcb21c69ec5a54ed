-- Separation of duties: at most so many of some roles for one subject, when they are assigned (static) or when they
-- are activated (dynamic). Runs unchanged on SQLite and PostgreSQL.
CREATE TABLE role_constraints (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    kind TEXT NOT NULL CHECK (kind IN ('static', 'dynamic')),
    at_most BIGINT NOT NULL CHECK (at_most > 0)
);

-- A role that stands here is not deleted.
CREATE TABLE role_constraint_members (
    constraint_name TEXT NOT NULL REFERENCES role_constraints (name) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name),
    PRIMARY KEY (constraint_name, role)
);
CREATE INDEX role_constraint_members_by_role ON role_constraint_members (role);

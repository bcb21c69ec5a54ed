-- A search of users by a part of the name or address reads one narrow index instead of every row.
-- Runs unchanged on SQLite and PostgreSQL.

CREATE INDEX users_by_name_with_search ON users
    (folded_username, email_key, disabled, must_change_password, created_at, id);
CREATE INDEX users_by_creation_with_search ON users
    (created_at, id, folded_username, email_key, disabled, must_change_password);
DROP INDEX users_by_creation;

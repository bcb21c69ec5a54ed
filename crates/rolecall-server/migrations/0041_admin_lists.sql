-- Lists of the pages for administrators. Runs unchanged on SQLite and PostgreSQL.

-- the newest users first
CREATE INDEX users_by_creation ON users (created_at, id);
-- assignments that are about to end
CREATE INDEX role_assignments_by_end ON role_assignments (expires_at);
-- everybody with a role in a tenant
CREATE INDEX role_assignments_by_tenant ON role_assignments (tenant, subject_id);

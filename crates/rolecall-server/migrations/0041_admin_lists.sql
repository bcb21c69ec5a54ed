-- Lists of the pages for administrators. Runs unchanged on SQLite and PostgreSQL.

-- the newest users first
CREATE INDEX users_by_creation ON users (created_at, id);
-- assignments that are about to end
CREATE INDEX role_assignments_by_end ON role_assignments (expires_at);
-- everybody with a role in a tenant
CREATE INDEX role_assignments_by_tenant ON role_assignments (tenant, subject_id);
-- the holders of a role in the order in which they are listed, in place of an index without that order
CREATE INDEX role_assignments_by_holder ON role_assignments (role, subject_id, tenant);
DROP INDEX role_assignments_by_role;
-- the events of one user, also for their own page
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id);

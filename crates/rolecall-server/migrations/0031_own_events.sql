-- the events of one user, for their own page
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id);

-- The mails that wait, and those that concern a user. Runs unchanged on SQLite and PostgreSQL.

-- mails that were given up stay for a week, and the sender looks every second
CREATE INDEX rolecall_mails_waiting ON rolecall_mails (due_at, id) WHERE failed_at IS NULL;
DROP INDEX rolecall_mails_by_time;
CREATE INDEX rolecall_mails_of_subject ON rolecall_mails (subject_id, id);

-- Ids that were given elsewhere. Runs unchanged on SQLite and PostgreSQL.

-- The ids of deleted users and clients. An id that rolecall makes is never made twice; one that is brought along could
-- be, and would give its new owner what others keep for the old one.
CREATE TABLE former_subjects (
    id TEXT PRIMARY KEY
);

-- An e-mail address without regard to case, by which users are compared where addresses are unique. rolecall writes it
-- beside the address; LOWER does for those from before what it can.
ALTER TABLE users ADD COLUMN email_key TEXT;
UPDATE users SET email_key = LOWER(email);
CREATE INDEX users_email_key ON users (email_key);

-- The next key waits for 30 minutes from now on.
UPDATE signing_keys SET active_from = active_from + 1470000000 WHERE state = 'next' AND active_from > created_at;

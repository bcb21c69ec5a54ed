-- The language in which a user last signed in on the pages, for mails to them; nothing until then.
-- A code by mail works until another one is made, so that it has a time of its own.
-- A floor outlives the tokens of a clock that was ahead, so that the latest time which one has shown is kept.
-- Runs unchanged on SQLite and PostgreSQL.

ALTER TABLE users ADD COLUMN language TEXT;
ALTER TABLE rolecall_mail_codes ADD COLUMN made_at BIGINT;
UPDATE rolecall_mail_codes SET made_at = asked_at WHERE hash IS NOT NULL;
ALTER TABLE known_times ADD COLUMN latest_at BIGINT;

-- The name that somebody typed to get a code by mail, for the page that offers another one: encrypted with the master key, as
-- the address of a person can be. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE rolecall_mail_codes ADD COLUMN typed TEXT;

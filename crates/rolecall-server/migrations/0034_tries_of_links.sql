-- The answers of passkeys that were sent with a link, right or wrong: each spends the challenge of the page. Runs unchanged
-- on SQLite and PostgreSQL.
ALTER TABLE rolecall_mail_tokens ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;

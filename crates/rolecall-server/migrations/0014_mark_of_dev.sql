-- Marks a database that `rolecall dev` made: its users have a known password. Runs unchanged on SQLite and PostgreSQL.

ALTER TABLE head ADD COLUMN made_by_dev BOOLEAN NOT NULL DEFAULT FALSE CHECK (made_by_dev IN (FALSE, TRUE));

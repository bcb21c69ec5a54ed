-- What an application keeps about its users: a JSON object of profile fields. Runs unchanged on SQLite and PostgreSQL.
ALTER TABLE users ADD COLUMN profile TEXT;

-- Who says that an address is verified. Runs unchanged on SQLite and PostgreSQL.

-- The administrator, as the audit log names them, to whom the delegation limit applied: no link that opens the account goes
-- to the address then. Null if it was proven by mail, or somebody above the limit said so.
ALTER TABLE users ADD COLUMN email_verified_by TEXT;

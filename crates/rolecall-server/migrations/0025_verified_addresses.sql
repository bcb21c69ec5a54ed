-- Verified e-mail addresses, errors of logout tokens, and resources that clients may ask for. Runs unchanged on SQLite and PostgreSQL.

-- When somebody proved that the address is the user's, or an administrator said so. Another address is not verified, and
-- an address is verified for one user only, who can sign in with it.
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
CREATE UNIQUE INDEX users_by_verified_email ON users (email_key) WHERE email_verified_at IS NOT NULL;

-- The kind of error of the last attempt, for `doctor`.
ALTER TABLE logout_notices ADD COLUMN last_error TEXT;

-- Whether clients that were not allowed the resource in advance may ask for it: `no`, or `ask` the user.
ALTER TABLE resources ADD COLUMN dynamic TEXT NOT NULL DEFAULT 'no' CHECK (dynamic IN ('no', 'ask'));

-- Signing keys take turns. Runs unchanged on SQLite and PostgreSQL.

-- `next` is published and does not sign yet, `active` signs, `retiring` verifies until its last token has ended
-- (`ends_at`), `retired` is out of the set and has no private half any more. For `next`, `active_from` is when it
-- has been published long enough to sign.
ALTER TABLE signing_keys ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('next', 'active', 'retiring', 'retired'));
ALTER TABLE signing_keys ADD COLUMN ends_at BIGINT;
UPDATE signing_keys SET state = 'retired', sealed = '' WHERE retired_at IS NOT NULL;
-- of several the newest goes on signing; no token of the others is older than a day
UPDATE signing_keys SET state = 'retiring',
    ends_at = (SELECT MAX(active_from) FROM signing_keys WHERE retired_at IS NULL) + 90000000000
    WHERE state = 'active' AND kid <> (SELECT kid FROM signing_keys WHERE retired_at IS NULL
        ORDER BY active_from DESC, kid LIMIT 1);
-- and none of another kind beside it: secrets and key pairs never stand in one set
UPDATE signing_keys SET state = 'retired', sealed = '', retired_at = ends_at, ends_at = NULL
    WHERE state = 'retiring' AND (algorithm LIKE 'HS%')
        <> ((SELECT algorithm FROM signing_keys WHERE state = 'active') LIKE 'HS%');
-- nodes agree on one, whatever their clocks say
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (state) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_next ON signing_keys (state) WHERE state = 'next';

-- The grace of refresh tokens is bounded: once a generation, and a few times a session. Runs unchanged on SQLite and
-- PostgreSQL.
ALTER TABLE sessions ADD COLUMN graces BIGINT NOT NULL DEFAULT 0;
-- The generation whose token was given out again last; 0, which has no predecessor, stands for none.
ALTER TABLE sessions ADD COLUMN graced_generation BIGINT NOT NULL DEFAULT 0;
-- The hash of the device that the log-in came from.
ALTER TABLE sessions ADD COLUMN device TEXT;

-- Networks from which an account was used lately, as keyed hashes: strangers who guess do not take their turns.
CREATE TABLE known_addresses (
    account TEXT NOT NULL,
    network TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (account, network)
);
CREATE INDEX known_addresses_by_time ON known_addresses (used_at);

-- Failures in a row of a known device or address, beside those of strangers in `login_failures`.
CREATE TABLE known_failures (
    account TEXT NOT NULL,
    source TEXT NOT NULL,
    failures BIGINT NOT NULL CHECK (failures > 0),
    last_failed_at BIGINT NOT NULL,
    PRIMARY KEY (account, source)
);
CREATE INDEX known_failures_by_time ON known_failures (last_failed_at);

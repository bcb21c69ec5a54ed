-- The grace of refresh tokens is bounded: once a generation, and a few times a session. Runs unchanged on SQLite and
-- PostgreSQL.
ALTER TABLE sessions ADD COLUMN graces BIGINT NOT NULL DEFAULT 0;
-- The generation whose token was given out again last; 0, which has no predecessor, stands for none.
ALTER TABLE sessions ADD COLUMN graced_generation BIGINT NOT NULL DEFAULT 0;

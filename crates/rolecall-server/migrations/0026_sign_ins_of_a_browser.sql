-- Sign-ins that one browser has begun: a new one replaces the oldest of too many. Runs unchanged on SQLite and PostgreSQL.
CREATE INDEX sign_in_flows_by_browser ON sign_in_flows (secret_hash);

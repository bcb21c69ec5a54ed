-- One-use tickets for connections that cannot send a header. Runs unchanged on SQLite and PostgreSQL.

CREATE TABLE access_tickets (
    -- Derived from the ticket, which is not stored.
    id TEXT PRIMARY KEY,
    -- The access token, encrypted with the ticket.
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_tickets_by_time ON access_tickets (expires_at);

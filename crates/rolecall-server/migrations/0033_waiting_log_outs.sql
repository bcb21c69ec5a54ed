-- Logout tokens that wait, by client and by age. Runs unchanged on SQLite and PostgreSQL.
CREATE INDEX logout_notices_by_client_and_time ON logout_notices (client_id, next_attempt_at, session_id);
DROP INDEX logout_notices_by_client;
CREATE INDEX logout_notices_by_age ON logout_notices (created_at);

-- The rows of a user and of a client, so that what ends or deletes these finds them.
CREATE INDEX sign_in_flows_by_subject ON sign_in_flows (subject_id);
CREATE INDEX sign_in_flows_by_client ON sign_in_flows (client_id);
CREATE INDEX authorization_codes_by_subject ON authorization_codes (subject_id);
CREATE INDEX authorization_codes_by_client ON authorization_codes (client_id);
CREATE INDEX consents_by_client ON consents (client_id);
CREATE INDEX signed_in_clients_by_client ON signed_in_clients (client_id);

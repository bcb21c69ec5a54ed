-- The name that a user had in the application they were imported from, byte for byte, as its tokens carry it.
-- Whatever takes something from the user empties it for good: tokens that do not say when they were issued
-- cannot be told from those of before. A user who was not imported never had one.
ALTER TABLE users ADD COLUMN legacy_name TEXT;
CREATE UNIQUE INDEX users_by_legacy_name ON users (legacy_name);

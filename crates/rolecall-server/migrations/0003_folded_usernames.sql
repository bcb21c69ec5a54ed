-- Names that differ only by case folding (`straße` and `strasse`) are the same to whoever reads them: a second
-- unique column keeps them apart. Names that were there before keep what they have; only few fold to another text.
ALTER TABLE users ADD COLUMN folded_username TEXT;
UPDATE users SET folded_username = username;
CREATE UNIQUE INDEX users_by_folded_username ON users (folded_username);

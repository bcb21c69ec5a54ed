//! Many users at once: statements that write up to a hundred rows each.

use rolecall_core::RoleName;

use super::Row;
use crate::{
    profile::stored::StoredProfile,
    store::{Change, Conn, StoreError, queries, query},
    usernames::folded,
};

/// The number of names that one statement looks for, and of users that are written between two reports of progress.
pub(super) const ROWS: usize = 100;

/// The numbers of rows that one statement writes: the largest first, smaller ones for the rest. SQLite compares the
/// name of each parameter with all before it, so long texts cost more than they save; on PostgreSQL each statement
/// is a round trip over the network.
const SQLITE: [usize; 2] = [20, 1];
const POSTGRES: [usize; 3] = [100, 20, 1];

/// More bytes than the longest text has.
const LONGEST: usize = 16 * 1024;

/// An SQL text that is built at compile time, because a hundred rows of parameters are too many to write by hand.
struct Sql {
    bytes: [u8; LONGEST],
    length: usize,
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs at compile time, where an index out of bounds is an error"
)]
impl Sql {
    const fn of(text: &str) -> Self {
        let empty = Self {
            bytes: [0; LONGEST],
            length: 0,
        };
        empty.then(text)
    }

    const fn then(mut self, text: &str) -> Self {
        self.push_text(text);
        self
    }

    const fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    const fn push_text(&mut self, text: &str) {
        let mut at = 0;
        while at < text.len() {
            self.push(text.as_bytes()[at]);
            at += 1;
        }
    }

    /// Writes `$1` and so on; `number` is below 10,000.
    const fn push_parameter(&mut self, number: usize) {
        self.push(b'$');
        let mut unit = 1000;
        while unit > 0 {
            if number >= unit {
                #[expect(clippy::cast_possible_truncation, reason = "a digit")]
                let digit = (number / unit % 10) as u8;
                self.push(b'0' + digit);
            }
            unit /= 10;
        }
    }

    /// Writes a number of rows like `row`: each `#` is the next parameter, starting at `first`; `^` repeats the last.
    const fn rows(mut self, row: &str, rows: usize, first: usize) -> Self {
        let (mut number, mut written) = (first, 0);
        while written < rows {
            self.push_text(if written == 0 { "" } else { ", " });
            let mut at = 0;
            while at < row.len() {
                match row.as_bytes()[at] {
                    b'#' => {
                        self.push_parameter(number);
                        number += 1;
                    }
                    b'^' => self.push_parameter(number - 1),
                    other => self.push(other),
                }
                at += 1;
            }
            written += 1;
        }
        self
    }

    const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

const fn taken() -> Sql {
    Sql::of("SELECT username, folded_username FROM users WHERE folded_username IN (")
        .rows("#", ROWS, 1)
        .then(") OR username IN (")
        .rows("#", ROWS, ROWS + 1)
        .then(")")
}

const fn used_ids() -> Sql {
    Sql::of("SELECT id FROM subjects WHERE id IN (")
        .rows("#", ROWS, 1)
        .then(") UNION SELECT id FROM former_subjects WHERE id IN (")
        .rows("#", ROWS, ROWS + 1)
        .then(")")
}

const fn used_emails() -> Sql {
    Sql::of("SELECT email_key FROM users WHERE email_key IN (")
        .rows("#", ROWS, 1)
        .then(")")
}

const fn verified_emails() -> Sql {
    Sql::of("SELECT email_key FROM users WHERE email_verified_at IS NOT NULL AND email_key IN (")
        .rows("#", ROWS, 1)
        .then(")")
}

const fn subjects(rows: usize) -> Sql {
    Sql::of("INSERT INTO subjects (kind, id) VALUES ").rows("('user', #)", rows, 1)
}

/// `$1` is the time of creation of all.
const fn users(rows: usize) -> Sql {
    Sql::of(
        "INSERT INTO users (id, username, folded_username, legacy_name, email, email_key, email_verified_at, disabled, profile, \
         password_hash, must_change_password, created_at, updated_at) VALUES ",
    )
    .rows("(#, #, #, #, #, #, #, #, #, #, CAST(^ AS TEXT) IS NULL, $1, $1)", rows, 2)
}

/// `$1` and `$2` are who assigned the roles, and when.
const fn assignments(rows: usize) -> Sql {
    Sql::of(
        "INSERT INTO role_assignments (tenant, subject_id, role, assigned_by, assigned_at) VALUES ",
    )
    .rows("('', #, #, $1, $2)", rows, 3)
}

const TAKEN: Sql = taken();
const USED_IDS: Sql = used_ids();
const USED_EMAILS: Sql = used_emails();
const VERIFIED_EMAILS: Sql = verified_emails();
const SUBJECTS_100: Sql = subjects(100);
const SUBJECTS_20: Sql = subjects(20);
const SUBJECTS_1: Sql = subjects(1);
const USERS_100: Sql = users(100);
const USERS_20: Sql = users(20);
const USERS_1: Sql = users(1);
const ASSIGNMENTS_100: Sql = assignments(100);
const ASSIGNMENTS_20: Sql = assignments(20);
const ASSIGNMENTS_1: Sql = assignments(1);

queries! {
    FIND_TAKEN = TAKEN.text();
    FIND_USED_IDS = USED_IDS.text();
    FIND_USED_EMAILS = USED_EMAILS.text();
    FIND_VERIFIED_EMAILS = VERIFIED_EMAILS.text();
    INSERT_SUBJECTS_100 = SUBJECTS_100.text();
    INSERT_SUBJECTS_20 = SUBJECTS_20.text();
    INSERT_SUBJECT = SUBJECTS_1.text();
    INSERT_USERS_100 = USERS_100.text();
    INSERT_USERS_20 = USERS_20.text();
    INSERT_USER = USERS_1.text();
    INSERT_ASSIGNMENTS_100 = ASSIGNMENTS_100.text();
    INSERT_ASSIGNMENTS_20 = ASSIGNMENTS_20.text();
    INSERT_ASSIGNMENT = ASSIGNMENTS_1.text();
}

/// Splits the rows into parts that one statement each writes.
fn parts<'r, T>(conn: &Conn, rows: &'r [T]) -> Vec<&'r [T]> {
    let sizes: &[usize] = if conn.is_postgres() {
        &POSTGRES
    } else {
        &SQLITE
    };
    let (mut parts, mut rest) = (Vec::new(), rows);
    for size in sizes {
        let whole = rest.chunks_exact(*size);
        rest = whole.remainder();
        parts.extend(whole);
    }
    parts
}

/// Returns the text that writes this number of rows.
fn text_for(rows: usize, texts: [&'static str; 3]) -> &'static str {
    let [hundred, twenty, one] = texts;
    match rows {
        100 => hundred,
        20 => twenty,
        _ => one,
    }
}

/// A row of the import with the id of its new user.
pub(super) struct New {
    pub(super) id: String,
    pub(super) row: Row,
}

/// Returns the user names, with their folded forms, that collide with those of up to [`ROWS`] new users.
pub(super) async fn find_taken(
    conn: &mut Conn,
    users: &[New],
) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let Some(last) = users.last() else {
        return Ok(Vec::new());
    };
    // the last one fills the places that are left, so that one text serves any number of users
    let all = || users.iter().chain(std::iter::repeat(last)).take(ROWS);
    let mut taken = query(FIND_TAKEN);
    for New { row, .. } in all() {
        taken = taken.bind(row.folded.as_str());
    }
    for New { row, .. } in all() {
        taken = taken.bind(row.username.as_str());
    }
    taken.fetch_all(conn).await
}

/// Returns those of up to [`ROWS`] ids that a user or client has, or had before it was deleted.
pub(super) async fn find_used_ids(
    conn: &mut Conn,
    ids: &[&str],
) -> Result<Vec<String>, StoreError> {
    let Some(last) = ids.last() else {
        return Ok(Vec::new());
    };
    let mut used = query(FIND_USED_IDS);
    for _ in 0..2 {
        // the last one fills the places that are left
        for id in ids.iter().chain(std::iter::repeat(last)).take(ROWS) {
            used = used.bind(*id);
        }
    }
    used.fetch_all(conn).await
}

/// Returns those of up to [`ROWS`] e-mail addresses that a user has, as keys; with `verified`, only those that are
/// verified.
pub(super) async fn find_used_emails(
    conn: &mut Conn,
    keys: &[&str],
    verified: bool,
) -> Result<Vec<String>, StoreError> {
    let Some(last) = keys.last() else {
        return Ok(Vec::new());
    };
    let mut used = query(if verified {
        FIND_VERIFIED_EMAILS
    } else {
        FIND_USED_EMAILS
    });
    // the last one fills the places that are left
    for key in keys.iter().chain(std::iter::repeat(last)).take(ROWS) {
        used = used.bind(*key);
    }
    used.fetch_all(conn).await
}

/// Makes PostgreSQL check foreign keys by index for the rest of the transaction. It plans these checks once, for the
/// few users from before the import, and would read whole tables that grow with every row.
pub(super) async fn expect_many(change: &mut Change<'_>) -> Result<(), StoreError> {
    let conn = change.conn();
    if conn.is_postgres() {
        let no_scans = query("SELECT set_config('enable_seqscan', 'off', true)");
        no_scans.execute(conn).await?;
    }
    Ok(())
}

/// Writes users whose names are free.
pub(super) async fn insert_users(change: &mut Change<'_>, users: &[New]) -> Result<(), StoreError> {
    let now = change.now();
    let conn = change.conn();
    for users in parts(conn, users) {
        let texts = [INSERT_SUBJECTS_100, INSERT_SUBJECTS_20, INSERT_SUBJECT];
        let mut subjects = query(text_for(users.len(), texts));
        for user in users {
            subjects = subjects.bind(user.id.as_str());
        }
        subjects.execute(conn).await?;
        let texts = [INSERT_USERS_100, INSERT_USERS_20, INSERT_USER];
        let mut insert = query(text_for(users.len(), texts)).bind(now);
        for New { id, row } in users {
            insert = insert
                .bind(id.as_str())
                .bind(row.username.as_str())
                .bind(row.folded.as_str())
                .bind(row.legacy_name.as_str())
                .bind(row.email.as_deref())
                .bind(row.email.as_deref().map(folded))
                .bind(row.email_verified.then_some(now))
                .bind(row.disabled)
                .bind(StoredProfile::text_of(&row.profile))
                .bind(row.hash.as_deref());
        }
        insert.execute(conn).await?;
    }
    Ok(())
}

/// Assigns roles to users who have none.
pub(super) async fn insert_assignments(
    change: &mut Change<'_>,
    assignments: &[(&str, &RoleName)],
    assigned_by: &str,
) -> Result<(), StoreError> {
    let now = change.now();
    let conn = change.conn();
    let texts = [
        INSERT_ASSIGNMENTS_100,
        INSERT_ASSIGNMENTS_20,
        INSERT_ASSIGNMENT,
    ];
    for part in parts(conn, assignments) {
        let text = text_for(part.len(), texts);
        let mut insert = query(text).bind(assigned_by).bind(now);
        for (subject, role) in part {
            insert = insert.bind(*subject).bind(role.as_str());
        }
        insert.execute(conn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_that_one_would_have_written() {
        assert_eq!(
            INSERT_ASSIGNMENT,
            "INSERT INTO role_assignments (tenant, subject_id, role, assigned_by, assigned_at) VALUES ('', $3, $4, $1, $2)"
        );
        assert!(INSERT_SUBJECTS_20.ends_with("('user', $19), ('user', $20)"));
        assert!(
            INSERT_USERS_100.ends_with(
                "($992, $993, $994, $995, $996, $997, $998, $999, $1000, $1001, CAST($1001 AS TEXT) IS NULL, $1, $1)"
            ),
            "{INSERT_USERS_100}"
        );
        assert!(
            FIND_TAKEN.contains("$100) OR username IN ($101, $102"),
            "{FIND_TAKEN}"
        );
    }

    #[test]
    fn every_row_is_in_one_part_and_every_part_has_a_text() {
        for sizes in [&SQLITE[..], &POSTGRES] {
            assert_eq!(sizes.last(), Some(&1));
            assert!(sizes.iter().all(|size| [100, 20, 1].contains(size)));
        }
    }
}

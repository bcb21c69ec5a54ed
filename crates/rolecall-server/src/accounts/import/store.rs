use rolecall_core::RoleName;

use super::Row;
use crate::store::{Change, Conn, Split, StoreError, answered, on, queries};

/// How many names one statement looks for, and how many users are written before it is told.
pub(super) const ROWS: usize = 100;

/// How many rows one statement writes, at most and where fewer are left. SQLite looks for the name of each
/// parameter among all those before it, so that long texts cost more than they save; to PostgreSQL each
/// statement is a way over the network.
const SQLITE: [usize; 2] = [20, 1];
const POSTGRES: [usize; 3] = [100, 20, 1];

/// More bytes than any of the texts has.
const LONGEST: usize = 16 * 1024;

/// A text of SQL that the compiler writes, since nobody wants to write out a hundred rows of parameters.
struct Sql {
    bytes: [u8; LONGEST],
    length: usize,
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which refuses what lies out of bounds"
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

    /// `$1` and so on; below 10,000.
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

    /// So many rows of this form: each `#` is the next parameter from `first` on, `^` the last one again.
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

const fn subjects(rows: usize) -> Sql {
    Sql::of("INSERT INTO subjects (kind, id) VALUES ").rows("('user', #)", rows, 1)
}

/// `$1` is the time for all.
const fn users(rows: usize) -> Sql {
    Sql::of(
        "INSERT INTO users (id, username, folded_username, legacy_name, email, disabled, password_hash, \
         must_change_password, created_at, updated_at) VALUES ",
    )
    .rows("(#, #, #, #, #, #, #, CAST(^ AS TEXT) IS NULL, $1, $1)", rows, 2)
}

/// `$1` and `$2` are who gave the roles, and when.
const fn assignments(rows: usize) -> Sql {
    Sql::of(
        "INSERT INTO role_assignments (tenant, subject_id, role, assigned_by, assigned_at) VALUES ",
    )
    .rows("('', #, #, $1, $2)", rows, 3)
}

const TAKEN: Sql = taken();
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

/// The rows in parts that one statement writes each, at most as many as the database takes well.
fn parts<'r, T>(conn: &mut Conn, rows: &'r [T]) -> Vec<&'r [T]> {
    let sizes: &[usize] = match conn.split() {
        Split::Sqlite(_) => &SQLITE,
        Split::Postgres(_) => &POSTGRES,
    };
    let (mut parts, mut rest) = (Vec::new(), rows);
    for size in sizes {
        let whole = rest.chunks_exact(*size);
        rest = whole.remainder();
        parts.extend(whole);
    }
    parts
}

/// The text for a part of so many rows.
fn text_for(rows: usize, texts: [&'static str; 3]) -> &'static str {
    let [hundred, twenty, one] = texts;
    match rows {
        100 => hundred,
        20 => twenty,
        _ => one,
    }
}

/// A user with the id they are given.
pub(super) struct New {
    pub(super) id: String,
    pub(super) row: Row,
}

/// The names, and their folded forms, that up to [`ROWS`] users would take from others.
pub(super) async fn find_taken(
    conn: &mut Conn,
    users: &[New],
) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let Some(last) = users.last() else {
        return Ok(Vec::new());
    };
    // the last one stands in for those that are not there: one text, however many rows
    let all = || users.iter().chain(std::iter::repeat(last)).take(ROWS);
    Ok(on!(conn, |c| {
        let mut query = sqlx::query_as(FIND_TAKEN);
        for New { row, .. } in all() {
            query = query.bind(row.folded.as_str());
        }
        for New { row, .. } in all() {
            query = query.bind(row.username.as_str());
        }
        query.fetch_all(c).await
    })?)
}

/// Keeps PostgreSQL from looking through whole tables for what rows refer to: it plans that once, by the few
/// users there were before, and would go through all that this transaction adds, again for each row.
pub(super) async fn expect_many(change: &mut Change<'_>) -> Result<(), StoreError> {
    if let Split::Postgres(conn) = change.conn().split() {
        let told = sqlx::query("SELECT set_config('enable_seqscan', 'off', true)");
        answered(async { told.execute(conn).await.map(drop) }).await?;
    }
    Ok(())
}

/// Writes users whose names are free.
pub(super) async fn insert_users(change: &mut Change<'_>, users: &[New]) -> Result<(), StoreError> {
    let now = change.now().micros();
    let conn = change.conn();
    for users in parts(conn, users) {
        let texts = [INSERT_SUBJECTS_100, INSERT_SUBJECTS_20, INSERT_SUBJECT];
        on!(conn, |c| {
            let mut query = sqlx::query(text_for(users.len(), texts));
            for user in users {
                query = query.bind(user.id.as_str());
            }
            query.execute(c).await.map(drop)
        })?;
        let texts = [INSERT_USERS_100, INSERT_USERS_20, INSERT_USER];
        on!(conn, |c| {
            let mut query = sqlx::query(text_for(users.len(), texts)).bind(now);
            for New { id, row } in users {
                query = query
                    .bind(id.as_str())
                    .bind(row.username.as_str())
                    .bind(row.folded.as_str())
                    .bind(row.legacy_name.as_str())
                    .bind(row.email.as_deref())
                    .bind(row.disabled)
                    .bind(row.hash.as_deref());
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Gives roles to users who had none.
pub(super) async fn insert_assignments(
    change: &mut Change<'_>,
    given: &[(&str, &RoleName)],
    assigned_by: &str,
) -> Result<(), StoreError> {
    let now = change.now().micros();
    let conn = change.conn();
    let texts = [
        INSERT_ASSIGNMENTS_100,
        INSERT_ASSIGNMENTS_20,
        INSERT_ASSIGNMENT,
    ];
    for given in parts(conn, given) {
        on!(conn, |c| {
            let query = sqlx::query(text_for(given.len(), texts));
            let mut query = query.bind(assigned_by).bind(now);
            for (subject, role) in given {
                query = query.bind(*subject).bind(role.as_str());
            }
            query.execute(c).await.map(drop)
        })?;
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
                "($695, $696, $697, $698, $699, $700, $701, CAST($701 AS TEXT) IS NULL, $1, $1)"
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

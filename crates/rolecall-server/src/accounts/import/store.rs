use rolecall_core::RoleName;

use super::Row;
use crate::store::{Change, Conn, StoreError, on, queries};

/// How many rows one statement takes.
pub(super) const ROWS: usize = 200;

/// More bytes than any of the texts has.
const LONGEST: usize = 16 * 1024;

/// A text of SQL that the compiler writes, since nobody wants to write out two hundred rows of parameters.
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
        let mut at = 0;
        while at < text.len() {
            self.bytes[self.length] = text.as_bytes()[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    /// `$1` and so on; below 10,000.
    const fn parameter(mut self, number: usize) -> Self {
        self = self.then("$");
        let mut unit = 1000;
        while unit > 0 {
            if number >= unit {
                #[expect(clippy::cast_possible_truncation, reason = "a digit")]
                let digit = (number / unit % 10) as u8;
                self.bytes[self.length] = b'0' + digit;
                self.length += 1;
            }
            unit /= 10;
        }
        self
    }

    /// `rows` times `columns` parameters from `first` on, each row between `open` and `close`.
    const fn rows(
        mut self,
        open: &str,
        close: &str,
        rows: usize,
        columns: usize,
        first: usize,
    ) -> Self {
        let mut number = 0;
        while number < rows * columns {
            if number % columns == 0 {
                self = self.then(if number == 0 { "" } else { ", " }).then(open);
            } else {
                self = self.then(", ");
            }
            self = self.parameter(first + number);
            number += 1;
            if number % columns == 0 {
                self = self.then(close);
            }
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

const SUBJECT: &str = "INSERT INTO subjects (kind, id) VALUES ";
const SUBJECT_ROW: &str = "('user', ";
const USER: &str = "INSERT INTO users (id, username, folded_username, legacy_name, email, disabled, \
    must_change_password, password_hash, created_at, updated_at) VALUES ";
const USER_COLUMNS: usize = 10;
const ASSIGNMENT: &str =
    "INSERT INTO role_assignments (tenant, subject_id, role, assigned_by, assigned_at) VALUES ";
const ASSIGNMENT_ROW: &str = "('', ";
const ASSIGNMENT_COLUMNS: usize = 4;

const TAKEN: Sql =
    Sql::of("SELECT username, folded_username FROM users WHERE folded_username IN (")
        .rows("", "", ROWS, 1, 1)
        .then(") OR username IN (")
        .rows("", "", ROWS, 1, ROWS + 1)
        .then(")");
const SUBJECTS: Sql = Sql::of(SUBJECT).rows(SUBJECT_ROW, ")", ROWS, 1, 1);
const ONE_SUBJECT: Sql = Sql::of(SUBJECT).rows(SUBJECT_ROW, ")", 1, 1, 1);
const USERS: Sql = Sql::of(USER).rows("(", ")", ROWS, USER_COLUMNS, 1);
const ONE_USER: Sql = Sql::of(USER).rows("(", ")", 1, USER_COLUMNS, 1);
const ASSIGNMENTS: Sql = Sql::of(ASSIGNMENT).rows(ASSIGNMENT_ROW, ")", ROWS, ASSIGNMENT_COLUMNS, 1);
const ONE_ASSIGNMENT: Sql = Sql::of(ASSIGNMENT).rows(ASSIGNMENT_ROW, ")", 1, ASSIGNMENT_COLUMNS, 1);

queries! {
    FIND_TAKEN = TAKEN.text();
    INSERT_SUBJECTS = SUBJECTS.text();
    INSERT_SUBJECT = ONE_SUBJECT.text();
    INSERT_USERS = USERS.text();
    INSERT_USER = ONE_USER.text();
    INSERT_ASSIGNMENTS = ASSIGNMENTS.text();
    INSERT_ASSIGNMENT = ONE_ASSIGNMENT.text();
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

/// Writes users whose names are free: [`ROWS`] of them in one statement, or fewer one by one.
pub(super) async fn insert_users(change: &mut Change<'_>, users: &[New]) -> Result<(), StoreError> {
    let now = change.now().micros();
    let conn = change.conn();
    let (subjects, texts, at_once) = if users.len() == ROWS {
        (INSERT_SUBJECTS, INSERT_USERS, ROWS)
    } else {
        (INSERT_SUBJECT, INSERT_USER, 1)
    };
    for users in users.chunks(at_once) {
        on!(conn, |c| {
            let mut query = sqlx::query(subjects);
            for user in users {
                query = query.bind(user.id.as_str());
            }
            query.execute(c).await.map(drop)
        })?;
        on!(conn, |c| {
            let mut query = sqlx::query(texts);
            for New { id, row } in users {
                query = query
                    .bind(id.as_str())
                    .bind(row.username.as_str())
                    .bind(row.folded.as_str())
                    .bind(row.legacy_name.as_str())
                    .bind(row.email.as_deref())
                    .bind(row.disabled)
                    .bind(row.hash.is_none())
                    .bind(row.hash.as_deref())
                    .bind(now)
                    .bind(now);
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Gives roles to users who had none, in the same way.
pub(super) async fn insert_assignments(
    change: &mut Change<'_>,
    given: &[(&str, &RoleName)],
    assigned_by: &str,
) -> Result<(), StoreError> {
    let now = change.now().micros();
    let conn = change.conn();
    let (text, at_once) = if given.len() == ROWS {
        (INSERT_ASSIGNMENTS, ROWS)
    } else {
        (INSERT_ASSIGNMENT, 1)
    };
    for given in given.chunks(at_once) {
        on!(conn, |c| {
            let mut query = sqlx::query(text);
            for (subject, role) in given {
                query = query
                    .bind(*subject)
                    .bind(role.as_str())
                    .bind(assigned_by)
                    .bind(now);
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
            "INSERT INTO role_assignments (tenant, subject_id, role, assigned_by, assigned_at) VALUES ('', $1, $2, $3, $4)"
        );
        assert!(INSERT_SUBJECTS.ends_with("('user', $199), ('user', $200)"));
        assert!(INSERT_USERS.ends_with("$1999, $2000)"), "{INSERT_USERS}");
        assert!(
            FIND_TAKEN.contains("$200) OR username IN ($201, $202"),
            "{FIND_TAKEN}"
        );
    }
}

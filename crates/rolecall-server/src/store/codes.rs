//! The codes of errors, and what they mean for the rest of the program.

/// The meaning of an error. It is decided here and nowhere else: answers, readiness and pools follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The statement or its values are wrong, or a caller expects the error, such as a name that is taken.
    Statement,
    /// The database cannot do it now, and may a little later.
    Outage,
    /// An outage after which the connection must not be used again.
    Broken,
}

/// Returns the class of an error.
pub(super) fn class_of(error: &sqlx::Error) -> Class {
    use sqlx::Error as Sql;
    match error {
        // a protocol error comes from something that is not PostgreSQL, such as a load balancer that accepts
        // connections and closes them
        Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::WorkerCrashed => Class::Broken,
        Sql::PoolTimedOut | Sql::PoolClosed => Class::Outage,
        Sql::Database(error) if lacks_table(error.as_ref()) => Class::Outage,
        Sql::Database(error) => error
            .code()
            .map_or(Class::Statement, |code| class_of_code(&code)),
        _ => Class::Statement,
    }
}

/// Returns true if the database is at fault, as [`StoreError::is_outage`](super::StoreError::is_outage).
pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    class_of(error) != Class::Statement
}

/// Returns true if waiting does not help: somebody has to correct the configuration, a permission or the file.
pub(super) fn is_misconfigured(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            lacks_table(error.as_ref()) || error.code().is_some_and(|code| needs_somebody(&code))
        }
        _ => false,
    }
}

/// Returns true for SQLite's codes 11 (damaged) and 26 (not a database), and for none of PostgreSQL, which have five digits.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    let code = match error {
        sqlx::Error::Database(error) => error
            .code()
            .filter(|code| code.len() != 5)
            .and_then(|code| code.parse::<u32>().ok()),
        _ => None,
    };
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

/// Returns true if SQLite misses a table. It has one code for all wrong statements.
fn lacks_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.message().starts_with("no such table: ")
}

/// Returns true for the codes of a wrong password, a database, schema or table that does not exist, and a missing
/// permission; in SQLite, of a file that is damaged, read-only or cannot be opened.
fn needs_somebody(code: &str) -> bool {
    if code.len() == 5 {
        let class = code.get(..2).unwrap_or_default();
        return ["28", "3D", "3F"].contains(&class) || UNUSABLE.contains(&code);
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(3 | 8 | 11 | 14 | 26))
}

/// Returns true if there is no room left on the disk.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_full_code(&code)),
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
        _ => false,
    }
}

/// PostgreSQL: `disk_full`; SQLite: full.
fn is_full_code(code: &str) -> bool {
    code == "53100" || code.len() != 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 13)
}

/// Returns true if the PostgreSQL server has become a standby, or takes no writes for another reason.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == READ_ONLY),
        _ => false,
    }
}

/// Returns true if PostgreSQL ended the transaction because others were in its way: a deadlock, or a transaction that cannot
/// be put in an order with others.
pub(super) fn is_deadlock(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code == "40P01" || code == "40001"),
        _ => false,
    }
}

/// Returns true if a time limit ended the wait for a connection, a lock or an answer.
pub(super) fn is_wait(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::TimedOut,
        // PostgreSQL: time limit of a statement or a lock; SQLite: busy, locked
        sqlx::Error::Database(error) => error.code().is_some_and(|code| match code.as_ref() {
            "57014" | "55P03" => true,
            code if code.len() == 5 => false,
            code => matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6)),
        }),
        _ => false,
    }
}

/// PostgreSQL: no permission, no such table, no such column. Every statement of ours has been prepared on a database that
/// had them, so that somebody has taken them away since.
const UNUSABLE: [&str; 3] = ["42501", "42P01", "42703"];

/// PostgreSQL: `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// Returns the class of a code. Five characters come from PostgreSQL, others from SQLite.
fn class_of_code(code: &str) -> Class {
    let class = code.get(..2).unwrap_or_default();
    match code {
        // read-only, a transaction that idled too long, an administrator who closes the connection
        READ_ONLY | "25P03" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05"
        // no such table or column, or a cached plan of one that has changed (no statement of ours needs a feature that
        // is not supported): a connection keeps its search path and its plans when the cause has gone
        | "42P01" | "42703" | "0A000" => Class::Broken,
        // a lock that was not available, no permission
        "55P03" | "42501" => Class::Outage,
        _ if code.len() == 5 => match class {
            // connection exception, unknown schema, system error, internal error, which includes damaged files
            "08" | "3F" | "58" | "XX" => Class::Broken,
            // wrong password, unknown database, transaction rollback, insufficient resources, operator
            // intervention
            "28" | "3D" | "40" | "53" | "57" => Class::Outage,
            _ => Class::Statement,
        },
        // the primary code is in the lowest byte
        _ => match code.parse::<u32>().map(|code| code & 0xff) {
            // I/O error, damaged, full, cannot open, not a database
            Ok(10 | 11 | 13 | 14 | 26) => Class::Broken,
            // no permission, aborted, busy, locked, no memory, read-only, interrupted, lock protocol, files too large
            Ok(3..=9 | 15 | 22) => Class::Outage,
            _ => Class::Statement,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y260_a_full_disk_is_told_apart() {
        for (code, full) in [
            ("53100", true),
            ("13", true),
            ("269", true),
            ("53000", false),
            ("10", false),
            ("", false),
        ] {
            assert_eq!(is_full_code(code), full, "{code}");
        }
    }

    #[test]
    fn only_trouble_with_the_database_counts_as_an_outage() {
        // PostgreSQL: too many connections, statement timeout, deadlock, wrong password, no such database
        for code in [
            "53300", "53100", "57014", "40P01", "28P01", "3D000", "55P03",
            // no permission
            "42501",
        ] {
            assert_eq!(class_of_code(code), Class::Outage, "{code}");
        }
        // PostgreSQL: connection lost, shutting down, disk failure, read-only, damaged
        for code in ["08006", "57P01", "58030", "25006", "25P03", "XX001"] {
            assert_eq!(class_of_code(code), Class::Broken, "{code}");
        }
        // SQLite: busy, snapshot too old, locked, no memory, read-only
        for code in ["5", "517", "6", "262", "7", "8", "1032"] {
            assert_eq!(class_of_code(code), Class::Outage, "{code}");
        }
        // SQLite: I/O error while reading or writing, damaged, full, cannot open, not a database
        for code in ["10", "266", "778", "11", "267", "13", "14", "26"] {
            assert_eq!(class_of_code(code), Class::Broken, "{code}");
        }
        // a NUL in a text (its number ends like SQLite's busy), unique, foreign key, syntax, failed transaction
        for code in [
            "22021", "23505", "23503", "42601", "25P02", "1", "19", "2067", "787", "20", "",
        ] {
            assert_eq!(class_of_code(code), Class::Statement, "{code}");
        }
    }

    #[test]
    fn y547_a_connection_that_finds_no_table_is_not_used_again() {
        // no such table, no such column, no such schema, a cached plan of another table
        for code in ["42P01", "42703", "3F000", "0A000"] {
            assert_eq!(class_of_code(code), Class::Broken, "{code}");
        }
        // a start does not wait for the first three, which somebody has to put back
        assert!(needs_somebody("42703") && !needs_somebody("0A000"));
    }

    #[test]
    fn a_start_waits_only_for_what_can_end_by_itself() {
        for code in [
            "28P01", "3D000", "3F000", "42501", "42P01", "8", "11", "14", "26", "267",
        ] {
            assert!(needs_somebody(code), "{code}");
        }
        for code in [
            "25006", "57014", "57P03", "53300", "53100", "40P01", "5", "6", "10", "13",
        ] {
            assert!(!needs_somebody(code), "{code}");
        }
    }
}

//! The chain of the audit log: each entry has a mark that depends on the one before.

use aws_lc_rs::hmac;
use rolecall_core::{Revision, Timestamp};
use serde_json::{Value, json};

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::rows,
};

queries! {
    READ_NEWEST = "SELECT revision, mark FROM audit ORDER BY revision DESC LIMIT 1";
    READ_SEAL = "SELECT audit_seal FROM head WHERE id = 1";
    WRITE_SEAL = "UPDATE head SET audit_seal = $1 WHERE id = 1";
    INSERT = "INSERT INTO audit (revision, at, actor, changes, mark) VALUES ($1, $2, $3, $4, $5)";
}

rows! {
    /// An entry of the audit log as it stands in the database.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Entry {
        pub(crate) revision: Revision,
        pub(crate) at: Timestamp,
        pub(crate) actor: String,
        pub(crate) changes: String,
        pub(crate) mark: String,
    }

    /// The revision and the mark of an entry.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Mark {
        pub(crate) revision: Revision,
        pub(crate) mark: String,
    }
}

/// The change that an entry holds beside its own if the newest entry was not the one sealed beside the head: entries
/// were removed, or the head was set back.
pub(crate) const TAMPERED: &str = "audit.tampered";

/// The change that begins the sealed part of the log.
pub(crate) const BASELINE: &str = "audit.baseline";

/// The first part of what a seal authenticates. No mark has its length, so that no seal is a mark.
const SEAL: &str = "newest mark of the audit log";

/// The mark that precedes the first entry.
const FIRST: &str = "";

/// Chains audit entries with HMAC-SHA256 under a key that the database holds only sealed: an attacker who can write
/// the database alone can neither change nor remove an entry unnoticed.
pub(crate) struct Chain {
    key: hmac::Key,
}

/// The first entry that does not follow the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) revision: Revision,
}

impl Chain {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// Appends the entry of `revision` and seals its mark. The caller has locked the head row, so the last entry cannot
    /// change.
    pub(crate) async fn append(
        &self,
        conn: &mut Conn,
        revision: Revision,
        at: Timestamp,
        actor: &str,
        mut changes: Vec<Value>,
    ) -> Result<(), StoreError> {
        let last: Option<Mark> = query(READ_NEWEST).fetch_optional(conn).await?;
        let sealed = read_seal(conn).await?;
        if !self.continues(last.as_ref(), sealed.as_deref(), &changes) {
            // written into the chain: the next seal covers this entry, and would hide what happened before it
            let newest = last.as_ref().map(|last| last.revision);
            changes.push(json!({ "action": TAMPERED, "newest": newest }));
        }
        let before = last.map_or_else(|| FIRST.to_owned(), |last| last.mark);
        let mut entry = Entry {
            revision,
            at,
            actor: actor.to_owned(),
            changes: Value::Array(changes).to_string(),
            mark: String::new(),
        };
        entry.mark = self.mark(&before, &entry);
        query(INSERT)
            .bind(entry.revision)
            .bind(entry.at)
            .bind(entry.actor.as_str())
            .bind(entry.changes.as_str())
            .bind(entry.mark.as_str())
            .execute(conn)
            .await?;
        let newest = Mark {
            revision,
            mark: entry.mark,
        };
        query(WRITE_SEAL)
            .bind(self.seal(&newest))
            .execute(conn)
            .await?;
        Ok(())
    }

    /// Returns true if the log is as the previous change left it. Without a seal it must be empty, or this change
    /// begins the sealed part.
    fn continues(&self, last: Option<&Mark>, sealed: Option<&str>, changes: &[Value]) -> bool {
        match (last, sealed) {
            (Some(last), Some(sealed)) => self.is_sealed(last, sealed),
            (None, None) => true,
            (Some(_), None) => changes.iter().any(|change| change["action"] == BASELINE),
            (None, Some(_)) => false,
        }
    }

    /// Returns true if `sealed` authenticates `newest` as the newest mark.
    pub(crate) fn is_sealed(&self, newest: &Mark, sealed: &str) -> bool {
        bool::from(subtle::ConstantTimeEq::ct_eq(
            self.seal(newest).as_bytes(),
            sealed.as_bytes(),
        ))
    }

    /// Authenticates the newest mark, so that the newest entries cannot be removed unnoticed.
    fn seal(&self, newest: &Mark) -> String {
        self.sign([SEAL, &newest.revision.to_string(), &newest.mark])
    }

    /// Computes the mark of `entry` after `before`.
    fn mark(&self, before: &str, entry: &Entry) -> String {
        let (revision, at) = (entry.revision.to_string(), entry.at.micros().to_string());
        self.sign([before, &revision, &at, &entry.actor, &entry.changes])
    }

    /// Signs a list of texts. Each is preceded by its length, so that no two lists have the same input.
    fn sign<const N: usize>(&self, parts: [&str; N]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        hex(context.sign().as_ref())
    }

    /// Checks that `entries` follow each other and the mark `before`, and returns the mark of the last.
    pub(crate) fn verify(
        &self,
        before: Option<String>,
        entries: &[Entry],
    ) -> Result<String, Broken> {
        let mut before = before.unwrap_or_else(|| FIRST.to_owned());
        for entry in entries {
            let expected = self.mark(&before, entry);
            if !bool::from(subtle::ConstantTimeEq::ct_eq(
                expected.as_bytes(),
                entry.mark.as_bytes(),
            )) {
                return Err(Broken {
                    revision: entry.revision,
                });
            }
            before = expected;
        }
        Ok(before)
    }
}

/// Reads the seal of the newest mark; `None` before the first change that seals.
pub(crate) async fn read_seal(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    query(READ_SEAL).fetch_one(conn).await
}

/// Writes bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chained(chain: &Chain, changes: &[&str]) -> Vec<Entry> {
        let mut before = String::new();
        let mut entries = Vec::new();
        for (at, change) in (1..).zip(changes) {
            let mut entry = Entry {
                revision: at,
                at: Timestamp::from_seconds(at),
                actor: "system".into(),
                changes: (*change).into(),
                mark: String::new(),
            };
            entry.mark = chain.mark(&before, &entry);
            before.clone_from(&entry.mark);
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn an_altered_or_missing_entry_breaks_the_chain_there() {
        let chain = Chain::new(b"a key of the tests, 32 bytes long");
        let good = chained(&chain, &["[1]", "[2]", "[3]"]);
        assert!(chain.verify(None, &good).is_ok());
        let mut altered = good.clone();
        altered[1].changes = "[9]".into();
        assert_eq!(chain.verify(None, &altered), Err(Broken { revision: 2 }));
        let mut shortened = good.clone();
        shortened.remove(1);
        assert_eq!(chain.verify(None, &shortened), Err(Broken { revision: 3 }));
        let mut swapped = good;
        swapped.swap(0, 1);
        assert!(chain.verify(None, &swapped).is_err());
    }

    #[test]
    fn a_chain_made_with_another_key_does_not_verify() {
        let forged = chained(&Chain::new(b"some other key of the tests, long"), &["[1]"]);
        let chain = Chain::new(b"a key of the tests, 32 bytes long");
        assert_eq!(chain.verify(None, &forged), Err(Broken { revision: 1 }));
    }

    #[test]
    fn moving_text_between_members_changes_the_mark() {
        let chain = Chain::new(b"a key of the tests, 32 bytes long");
        let mut entry = chained(&chain, &["[1]"]).remove(0);
        entry.actor = "syste".into();
        entry.changes = "m[1]".into();
        assert!(chain.verify(None, &[entry]).is_err());
    }

    #[test]
    fn a_seal_fits_one_mark_of_one_revision() {
        let chain = Chain::new(b"a key of the tests, 32 bytes long");
        let newest = |revision, mark: &str| Mark {
            revision,
            mark: mark.into(),
        };
        let seal = chain.seal(&newest(7, "ab"));
        assert!(chain.is_sealed(&newest(7, "ab"), &seal));
        for other in [newest(6, "ab"), newest(7, "ac"), newest(7, "")] {
            assert!(!chain.is_sealed(&other, &seal));
        }
        let foreign = Chain::new(b"some other key of the tests, long").seal(&newest(7, "ab"));
        assert!(!chain.is_sealed(&newest(7, "ab"), &foreign));
    }

    #[test]
    fn only_the_baseline_continues_a_log_without_a_seal() {
        let chain = Chain::new(b"a key of the tests, 32 bytes long");
        let last = Mark {
            revision: 7,
            mark: "ab".into(),
        };
        let (begins, other) = (json!({ "action": BASELINE }), json!({ "action": "x" }));
        assert!(chain.continues(None, None, &[]));
        assert!(chain.continues(Some(&last), None, &[begins]));
        assert!(!chain.continues(Some(&last), None, &[other]));
        assert!(!chain.continues(None, Some("cd"), &[]));
        assert!(!chain.continues(Some(&last), Some("cd"), &[]));
    }
}

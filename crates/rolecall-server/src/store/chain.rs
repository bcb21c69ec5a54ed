//! The chain of the audit log: each entry has a mark that depends on the one before.

use aws_lc_rs::hmac;
use rolecall_core::{Revision, Timestamp};
use serde_json::Value;

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::rows,
};

queries! {
    LAST_MARK = "SELECT mark FROM audit ORDER BY revision DESC LIMIT 1";
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
}

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

    /// Appends the entry of `revision`. The caller has locked the head row, so the last entry cannot change.
    pub(crate) async fn append(
        &self,
        conn: &mut Conn,
        revision: Revision,
        at: Timestamp,
        actor: &str,
        changes: Value,
    ) -> Result<(), StoreError> {
        let last: Option<String> = query(LAST_MARK).fetch_optional(conn).await?;
        let before = last.unwrap_or_else(|| FIRST.to_owned());
        let mut entry = Entry {
            revision,
            at,
            actor: actor.to_owned(),
            changes: changes.to_string(),
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
        Ok(())
    }

    /// Computes the mark of `entry` after `before`. Each part is preceded by its length, so that no two entries have
    /// the same input.
    fn mark(&self, before: &str, entry: &Entry) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        let (revision, at) = (entry.revision.to_string(), entry.at.micros().to_string());
        for part in [before, &revision, &at, &entry.actor, &entry.changes] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context
            .sign()
            .as_ref()
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                use std::fmt::Write as _;
                let _ = write!(hex, "{byte:02x}");
                hex
            })
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
}

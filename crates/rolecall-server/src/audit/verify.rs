//! Verifies the audit log: its chain, the seal of its newest mark, a mark that was stored elsewhere, and the tables
//! that it is about.

use std::{fmt, str::FromStr};

use rolecall::PermissionName as _;
use rolecall_core::Revision;
use serde_json::Value;

use super::{
    access::Access,
    invitations::Invitations,
    permitted::{Author, Requests},
    store,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::{BASELINE, Conn, DETAILS, Details, Entry, Mark, TAMPERED, read_head, read_seal},
};

/// Entries that are read and verified at a time.
const BATCH: i64 = 1000;

/// The differences that are described; the others are counted.
const DESCRIBED: usize = 20;

/// The result of verifying the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All entries follow each other up to the newest revision, and the tables agree with them.
    Intact { entries: u64, newest: Option<Mark> },
    /// The entry of `revision` was changed, or entries before it are missing.
    Altered { revision: Revision },
    /// The newest entries are missing: the last entry has revision `last`, but the newest revision is `head`.
    Truncated { last: Revision, head: Revision },
    /// The entry of `last` is not the newest one that was sealed.
    Unsealed { last: Revision },
    /// The change of `revision` found that entries had been removed before it.
    Tampered { revision: Revision },
    /// No entry has the mark that was stored elsewhere.
    UnknownMark,
    /// The tables hold access that the log does not explain.
    Unexplained {
        differences: Vec<String>,
        more: usize,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact { entries, newest } => {
                write!(f, "the audit log is intact: {entries} entries")?;
                match newest {
                    Some(newest) => write!(f, ", newest mark {newest}"),
                    None => Ok(()),
                }
            }
            Self::Altered { revision } => write!(
                f,
                "the audit log was altered: entry {revision} was changed, or entries before it are missing"
            ),
            Self::Truncated { last, head } => write!(
                f,
                "the audit log was truncated: it ends at revision {last}, but the newest revision is {head}"
            ),
            Self::Unsealed { last } => write!(
                f,
                "the audit log was truncated: entry {last} is not the newest one that was written"
            ),
            Self::Tampered { revision } => write!(
                f,
                "the audit log was altered: entries before revision {revision} had been removed when it was written"
            ),
            Self::UnknownMark => write!(
                f,
                "the audit log was altered: no entry has that mark, so the entries up to it are not the same any more"
            ),
            Self::Unexplained { differences, more } => {
                write!(f, "the database was altered: {}", differences.join("; "))?;
                if *more > 0 {
                    write!(f, "; and {more} more")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.revision, self.mark)
    }
}

/// A mark that was printed or exported before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownMark {
    /// `None` if only the mark itself is known, as `GET /api/audit` shows it.
    revision: Option<Revision>,
    mark: String,
}

impl KnownMark {
    fn is_of(&self, entry: &Entry) -> bool {
        self.mark == entry.mark && self.revision.is_none_or(|known| known == entry.revision)
    }
}

impl FromStr for KnownMark {
    type Err = &'static str;

    /// Parses `REVISION:MARK` or the mark alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a mark is 64 hex digits, as `audit verify` and `audit list --json` print it, with or without `REVISION:` before it";
        let (revision, mark) = match text.split_once(':') {
            Some((revision, mark)) => (Some(revision.parse().map_err(|_| FORM)?), mark),
            None => (None, text),
        };
        if mark.len() != 64 || !mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(FORM);
        }
        let mark = mark.to_ascii_lowercase();
        Ok(Self { revision, mark })
    }
}

/// Verifies every entry of the log, and the tables against it. If a mark is given, an entry must have it.
pub(crate) async fn verify(
    app: &App,
    caller: Caller<'_>,
    known: Option<&KnownMark>,
) -> Result<Verdict, ApiError> {
    reads::require(app, caller, may::ReadAudit::NAME).await?;
    let mut walk = Walk::new(app, known);
    let mut conn = app.store().read().await?;
    if let Some(broken) = walk.go_on(&mut conn).await? {
        return Ok(broken);
    }
    drop(conn);
    // nobody changes anything while the rest of the log and the tables are read, so that they belong together
    app.store()
        .write(async |conn: &mut Conn| {
            store::lock_head(conn).await?;
            if let Some(broken) = walk.go_on(conn).await? {
                return Ok(broken);
            }
            let head = read_head(conn).await?.revision;
            let seal = read_seal(conn).await?;
            let tables = store::read_access(conn).await?;
            Ok(walk.conclude(head, seal.as_deref(), &tables))
        })
        .await
}

/// The entries that were verified so far, and the access that they led to.
struct Walk<'a> {
    app: &'a App,
    known: Option<&'a KnownMark>,
    newest: Option<Mark>,
    entries: u64,
    /// `None` before the baseline.
    access: Option<Access>,
    requests: Requests,
    invitations: Invitations,
    /// The first entry that found the log tampered with.
    tampered: Option<Revision>,
    differences: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(app: &'a App, known: Option<&'a KnownMark>) -> Self {
        Self {
            app,
            known,
            newest: None,
            entries: 0,
            access: None,
            requests: Requests::default(),
            invitations: Invitations::default(),
            tampered: None,
            differences: Vec::new(),
        }
    }

    /// Verifies all further entries; returns a verdict at the first that does not follow the one before.
    async fn go_on(&mut self, conn: &mut Conn) -> Result<Option<Verdict>, ApiError> {
        loop {
            let last = self.newest.as_ref().map_or(0, |newest| newest.revision);
            let entries = store::list_after(conn, last, BATCH).await?;
            if entries.is_empty() {
                return Ok(None);
            }
            for entry in &entries {
                let revision = entry.revision;
                if !self.follows(entry) || !self.replay(conn, entry).await? {
                    return Ok(Some(Verdict::Altered { revision }));
                }
            }
        }
    }

    /// Returns true if `entry` is the next one: no revision is left out, and its mark depends on the mark before.
    fn follows(&mut self, entry: &Entry) -> bool {
        let last = self.newest.as_ref().map_or(0, |newest| newest.revision);
        let before = self.newest.take().map(|newest| newest.mark);
        let chain = &self.app.parts().chain;
        let Ok(mark) = chain.verify(before, std::slice::from_ref(entry)) else {
            return false;
        };
        self.newest = Some(Mark {
            revision: entry.revision,
            mark,
        });
        self.entries += 1;
        if self.known.is_some_and(|known| known.is_of(entry)) {
            self.known = None;
        }
        entry.revision == last + 1
    }

    /// Applies the changes of an entry; false if its parts were altered.
    async fn replay(&mut self, conn: &mut Conn, entry: &Entry) -> Result<bool, ApiError> {
        let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
        let has = |action: &str| changes.iter().any(|change| change["action"] == action);
        let details = if has(DETAILS) {
            let (details, parts) = read_details(conn, entry.revision).await?;
            if !changes.contains(&details) {
                return Ok(false);
            }
            parts
        } else {
            Vec::new()
        };
        let begins_again = has(BASELINE) && self.access.is_some();
        if has(TAMPERED) || begins_again {
            self.tampered.get_or_insert(entry.revision);
        }
        if has(BASELINE) && self.access.is_none() {
            let mut access = Access::default();
            for change in &details {
                access.apply(change);
            }
            self.access = Some(access);
            self.requests = Requests::new(entry.revision == 1);
            return Ok(true);
        }
        let Some(access) = &mut self.access else {
            return Ok(true);
        };
        // before any of them is applied: a change must not be what permits another one of its entry
        let all = || changes.iter().chain(&details);
        let mut author = Author::new(access, &self.requests, &entry.actor, entry.at);
        let objections = author.objection(all()).into_iter();
        let invitations = &mut self.invitations;
        let objections = objections.chain(all().filter_map(|change| invitations.apply(change)));
        for objection in objections {
            let objection = format!("entry {}: {objection}", entry.revision);
            self.differences.push(objection);
        }
        for change in all() {
            access.apply(change);
            self.requests.apply(&entry.actor, change);
        }
        Ok(true)
    }

    /// Returns the verdict when all entries were verified. `tables` is the access that the tables hold.
    fn conclude(self, head: Revision, seal: Option<&str>, tables: &Access) -> Verdict {
        let last = self.newest.as_ref().map_or(0, |newest| newest.revision);
        if last < head {
            return Verdict::Truncated { last, head };
        }
        let chain = &self.app.parts().chain;
        let is_sealed = |newest: &Mark| seal.is_some_and(|seal| chain.is_sealed(newest, seal));
        if last != head || !self.newest.as_ref().is_none_or(is_sealed) {
            return Verdict::Unsealed { last };
        }
        if let Some(revision) = self.tampered {
            return Verdict::Tampered { revision };
        }
        if self.known.is_some() {
            return Verdict::UnknownMark;
        }
        let mut differences = self.differences;
        match &self.access {
            Some(access) => differences.extend(access.differences(tables)),
            None => differences.extend(Access::default().differences(tables)),
        }
        if differences.is_empty() {
            return Verdict::Intact {
                entries: self.entries,
                newest: self.newest,
            };
        }
        let more = differences.len().saturating_sub(DESCRIBED);
        differences.truncate(DESCRIBED);
        Verdict::Unexplained { differences, more }
    }
}

/// Reads the parts of an entry: the change that must stand for them, and the changes that they hold.
async fn read_details(
    conn: &mut Conn,
    revision: Revision,
) -> Result<(Value, Vec<Value>), ApiError> {
    let (mut details, mut changes) = (Details::default(), Vec::new());
    for part in store::list_details(conn, revision).await? {
        details.add(&part);
        let part: Vec<Value> = serde_json::from_str(&part).unwrap_or_default();
        changes.extend(part);
    }
    Ok((details.change(), changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_parsed_with_and_without_its_revision() {
        let hex = "0123456789abcdef".repeat(4);
        let entry = |revision, mark: &str| Entry {
            revision,
            at: rolecall_core::Timestamp::from_seconds(0),
            actor: String::new(),
            changes: String::new(),
            mark: mark.to_owned(),
        };
        let full: KnownMark = format!("7:{}", hex.to_uppercase()).parse().unwrap();
        assert!(full.is_of(&entry(7, &hex)) && !full.is_of(&entry(8, &hex)));
        let bare: KnownMark = hex.parse().unwrap();
        assert!(bare.is_of(&entry(8, &hex)) && !bare.is_of(&entry(8, "0")));
        for wrong in [
            "",
            "7:",
            "7:ab",
            "x:ab",
            &format!("x:{hex}"),
            &format!("{hex}0"),
        ] {
            assert!(wrong.parse::<KnownMark>().is_err(), "{wrong}");
        }
    }
}

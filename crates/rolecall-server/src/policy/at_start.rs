//! Putting the document of an application in force when it starts.
//!
//! A restart must not undo what an administrator did: roles that were created by hand would disappear with their
//! assignments, and a permission that was taken away would come back. So the audit log is asked who changed the policy
//! last. If it was not a start, the policy was edited.

use rolecall_core::document::ParsedDocument;
use serde_json::{Value, json};

use super::{
    apply::{difference_now, put},
    plan::prepare,
    service,
};
use crate::{
    app::App,
    audit,
    authority::{caller::Caller, policy_store, rights::Rights},
    error::ApiError,
    roles::checks::Checks,
    store::{Actor, Conn, StoreError, read_head},
};

/// What a start does with a policy that somebody has edited since a start last applied a document, and that is not the
/// one of the document.
///
/// ```
/// use rolecall_server::{EditedPolicy, Embedded};
///
/// let builder = Embedded::builder("sqlite:login.db")
///     .policy("[roles.editor]\ndescription = \"writes articles\"")
///     .edited_policy(EditedPolicy::Replace);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditedPolicy {
    /// Keep the edited policy and log a warning. The document is applied again after `rolecall policy apply` has put it
    /// in force.
    #[default]
    Keep,
    /// Put the document in force, which discards the edits. The warning that is logged names who made the last one.
    Replace,
    /// Refuse to start.
    Refuse,
}

/// The change by which the audit log shows that a start has put its document in force.
const ADOPTED: &str = "policy.adopted";

/// What a start did with the document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The document is in force already.
    InForce,
    /// The document was put in force by this number of changes.
    Applied {
        changes: usize,
        /// Whose edits that discards.
        edited_by: Option<String>,
    },
    /// The policy was edited by this actor and is kept; so many changes would put the document in force.
    Kept { changes: usize, edited_by: String },
}

/// Puts `parsed` in force, unless somebody has edited the policy and `edited` protects that. Writes nothing if the
/// document is in force already.
///
/// # Errors
///
/// As [`apply`](super::apply::apply), and a rule if the policy was edited and `edited` is to refuse that.
pub(crate) async fn put_in_force(
    app: &App,
    parsed: &ParsedDocument,
    edited: EditedPolicy,
) -> Result<Outcome, ApiError> {
    let prepared = prepare(app, parsed).await?;
    if prepared.difference.changes.is_empty() {
        let mut conn = app.store().read().await?;
        if find_editor(&mut conn).await?.is_none() {
            return Ok(Outcome::InForce);
        }
    }
    let caller = Caller::System;
    let checks = Checks::default();
    loop {
        let done = app.change(caller, async |change| {
            let rights = Rights::load(app, change, caller).await?;
            let current = service::document_of(&rights.policy, change.conn()).await?;
            let difference = difference_now(app, &rights, &current, &prepared, parsed)?;
            let editor = find_editor(change.conn()).await?;
            let changes = difference.changes.len();
            if changes == 0 {
                if editor.is_some() {
                    // somebody has put the document in force by hand: from now on, starts apply it again
                    change.record(json!({ "action": ADOPTED }));
                    change.policy_changed();
                }
                return Ok(Outcome::InForce);
            }
            match (editor, edited) {
                (Some(edited_by), EditedPolicy::Keep) => Ok(Outcome::Kept { changes, edited_by }),
                (Some(edited_by), EditedPolicy::Refuse) => Err(refusal(changes, &edited_by)),
                (edited_by, _) => {
                    put(app, change, &rights, (&current, difference), &checks).await?;
                    change.record(json!({ "action": ADOPTED }));
                    Ok(Outcome::Applied { changes, edited_by })
                }
            }
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, caller, done).await {
            return done;
        }
    }
}

fn refusal(changes: usize, edited_by: &str) -> ApiError {
    let detail = format!(
        "`{edited_by}` has edited the policy in the database, and {changes} changes of the document are not in force: \
         write the edits into the document (`rolecall policy export` prints them), or discard them with \
         `rolecall policy apply`"
    );
    ApiError::rule("policy_edited", detail, Vec::new())
}

/// Returns the actor who edited the policy since a start last put a document in force; `None` if nobody did.
async fn find_editor(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let mut revision = read_head(conn).await?.policy_revision;
    loop {
        let Some(entry) = audit::service::find_entry(conn, revision).await? else {
            return Ok(None);
        };
        if entry.actor != Actor::System.to_string() {
            return Ok(Some(entry.actor));
        }
        if has_adopted(&entry.changes) {
            return Ok(None);
        }
        // rolecall's own permissions and the roles of demo users say nothing about the change before them
        match policy_store::find_change_before(conn, revision).await? {
            Some(before) if before < revision => revision = before,
            _ => return Ok(None),
        }
    }
}

fn has_adopted(changes: &str) -> bool {
    let changes: Vec<Value> = serde_json::from_str(changes).unwrap_or_default();
    changes.iter().any(|change| change["action"] == ADOPTED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rolecall_core::document::Document;

    use super::*;
    use crate::{
        Embedded,
        policy::apply::{self, IfMatch},
    };

    /// Documents that differ in one role; the first one is the policy of a new database.
    const ROLES: [&str; 4] = ["", "[roles.one]", "[roles.two]", "[roles.three]"];

    fn document(index: usize) -> ParsedDocument {
        Document::parse(ROLES[index]).unwrap()
    }

    /// An event, with the index of a document.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Start(usize, EditedPolicy),
        ByHand(usize),
        Upgrade,
    }

    fn event() -> impl Strategy<Value = Event> {
        let modes = prop_oneof![
            4 => Just(EditedPolicy::Keep),
            1 => Just(EditedPolicy::Replace),
            1 => Just(EditedPolicy::Refuse),
        ];
        let start = (0..ROLES.len(), modes).prop_map(|(index, mode)| Event::Start(index, mode));
        prop_oneof![
            4 => start,
            3 => (0..ROLES.len()).prop_map(Event::ByHand),
            1 => Just(Event::Upgrade),
        ]
    }

    /// The rule in a few lines: the document in force, and who changed the policy last.
    #[derive(Default)]
    struct Model {
        in_force: usize,
        is_edited: bool,
    }

    impl Model {
        fn start(&mut self, wanted: usize, mode: EditedPolicy) -> &'static str {
            let is_kept = self.is_edited && mode != EditedPolicy::Replace;
            if self.in_force == wanted {
                self.is_edited = false;
                "in force"
            } else if is_kept && mode == EditedPolicy::Refuse {
                "refused"
            } else if is_kept {
                "kept"
            } else {
                self.in_force = wanted;
                self.is_edited = false;
                "applied"
            }
        }

        fn edit(&mut self, wanted: usize) {
            self.is_edited |= self.in_force != wanted;
            self.in_force = wanted;
        }
    }

    async fn apply_by_hand(app: &App, index: usize) {
        let caller = Caller::CommandLine {
            system_user: "root",
        };
        apply::apply(app, caller, &document(index), &IfMatch::Any)
            .await
            .unwrap();
    }

    /// What a start records when a newer version of rolecall brings a permission.
    async fn upgrade(app: &App) {
        app.change(Caller::System, async |change| {
            change.record(json!({ "action": "builtin.updated" }));
            change.policy_changed();
            Ok(())
        })
        .await
        .unwrap();
    }

    async fn revision(app: &App) -> i64 {
        let mut conn = app.store().read().await.unwrap();
        read_head(&mut conn).await.unwrap().revision
    }

    async fn run(events: Vec<Event>) {
        let server = Embedded::open("sqlite::memory:").await.unwrap();
        let (app, mut model) = (server.app(), Model::default());
        for event in events {
            match event {
                Event::ByHand(index) => {
                    apply_by_hand(app, index).await;
                    model.edit(index);
                }
                Event::Upgrade => upgrade(app).await,
                Event::Start(index, mode) => {
                    let (before, was_edited) = (revision(app).await, model.is_edited);
                    let expected = model.start(index, mode);
                    let found = match put_in_force(app, &document(index), mode).await {
                        Ok(Outcome::InForce) => "in force",
                        Ok(Outcome::Applied { edited_by, .. }) => {
                            assert_eq!(edited_by.is_some(), was_edited);
                            "applied"
                        }
                        Ok(Outcome::Kept { edited_by, .. }) => {
                            assert_eq!(edited_by, "cli:root");
                            "kept"
                        }
                        Err(error) => {
                            assert!(error.to_string().contains("`cli:root`"), "{error}");
                            "refused"
                        }
                    };
                    assert_eq!(found, expected, "{event:?}");
                    let adopts = expected == "in force" && was_edited;
                    let writes = expected == "applied" || adopts;
                    assert_eq!(revision(app).await > before, writes, "{event:?}");
                    // the second of two equal starts writes nothing
                    let before = revision(app).await;
                    let again = put_in_force(app, &document(index), mode).await;
                    assert_eq!(again.is_err(), expected == "refused");
                    assert_eq!(revision(app).await, before);
                }
            }
            let shown = service::show(app, Caller::System).await.unwrap();
            let wanted = document(model.in_force).document;
            for role in wanted.role_names() {
                assert!(shown.document.role_names().any(|shown| shown == role));
            }
            // `user` is always there
            assert_eq!(shown.document.roles.len(), wanted.roles.len() + 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn a_start_follows_the_rule_after_any_events(
            events in prop::collection::vec(event(), 1..10)
        ) {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(events));
        }
    }
}

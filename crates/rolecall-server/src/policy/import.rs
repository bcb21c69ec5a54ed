//! Adds imported roles, users and assignments to those in the database, in one change and by the rules of single
//! edits. [`rolecall_import`] converts the source.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{
    RoleName, TenantName,
    document::{Document, ParsedDocument, PolicyChange as Edit, Positions},
};
use rolecall_import::{Imported, Location, Note, Person};
use serde_json::json;

use crate::{
    accounts::{
        emails, import_rules::check_hashes, registration, store as accounts, store::NewUser,
    },
    app::App,
    authority::{caller::Caller, may, rights::Rights, subject::Status},
    error::ApiError,
    ids,
    policy::{apply as document, service},
    profile::stored::StoredProfile,
    roles::{
        assigning::{self, Assignee, Validity},
        assignment_store, assignments,
        checks::Checks,
    },
    store::Change,
};

/// The decisions of the caller.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command"
)]
pub(crate) struct Wanted {
    /// Creates users who do not exist.
    pub(crate) create_users: bool,
    /// Leaves users who exist as they are: they get no assignments, and nothing is compared.
    pub(crate) skip_existing: bool,
    /// Leaves out everything without a counterpart; without it, that is a reason to write nothing.
    pub(crate) leave_out: bool,
    /// Writes the result; without it, the change is discarded.
    pub(crate) keep: bool,
}

/// The result, written or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The policy after the import.
    pub(crate) document: Document,
    pub(crate) changes: Vec<Edit>,
    /// The names of new users.
    pub(crate) users: Vec<String>,
    /// The number of existing users that were left as they are.
    pub(crate) skipped: usize,
    pub(crate) assignments: Vec<Given>,
    /// Parts of the source that conflict with the database.
    pub(crate) unmapped: Vec<Note>,
    /// The result was written.
    pub(crate) is_written: bool,
}

/// A new assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) user: String,
    pub(crate) role: RoleName,
    pub(crate) tenant: Option<TenantName>,
    /// It is a request that another person must confirm.
    pub(crate) is_asked_for: bool,
}

/// The reason why nothing was written.
pub(crate) struct Refused {
    /// The location in the source, if there is one.
    pub(crate) at: Option<Location>,
    pub(crate) error: ApiError,
}

/// Adds roles, users and assignments to those in the database, or tries it.
///
/// # Errors
///
/// The caller lacks a permission, a role exists and grants more, or a rule forbids an assignment. Nothing is
/// written then.
pub(crate) async fn import(
    app: &App,
    caller: Caller<'_>,
    imported: &Imported,
    wanted: Wanted,
) -> Result<Outcome, Refused> {
    let mut at = None;
    let done = app
        .change(caller, async |change| {
            let mut work = Work {
                app,
                caller,
                change,
                wanted,
                at: &mut at,
                outcome: Outcome::default(),
            };
            work.run(imported).await?;
            let mut outcome = work.outcome;
            let is_whole = imported.unmapped.is_empty() && outcome.unmapped.is_empty();
            outcome.is_written = wanted.keep && (is_whole || wanted.leave_out);
            if !outcome.is_written {
                change.discard();
            }
            Ok(outcome)
        })
        .await;
    done.map_err(|error| Refused { at, error })
}

struct Work<'w, 'c> {
    app: &'w App,
    caller: Caller<'w>,
    change: &'w mut Change<'c>,
    wanted: Wanted,
    /// The location that an error is about.
    at: &'w mut Option<Location>,
    outcome: Outcome,
}

impl Work<'_, '_> {
    async fn run(&mut self, imported: &Imported) -> Result<(), ApiError> {
        let rights =
            Rights::require(self.app, self.change, self.caller, may::WritePolicy::NAME).await?;
        if !imported.people.is_empty() {
            Rights::require(
                self.app,
                self.change,
                self.caller,
                may::WriteAssignments::NAME,
            )
            .await?;
        }
        let current = service::document_of(&rights.policy, self.change.conn()).await?;
        let together = self.together(&current, &imported.document)?;
        let parsed = ParsedDocument {
            document: together,
            positions: Positions::default(),
        };
        let difference = document::compare_in(self.app, &rights, &current, &parsed)?;
        let (applied, policy) = document::put(
            self.app,
            self.change,
            &rights,
            (&current, difference),
            &Checks::inside(),
        )
        .await?;
        self.outcome.changes = applied.changes;
        self.outcome.document = parsed.document;
        let rights = rights.under(policy);
        for person in &imported.people {
            *self.at = Some(person.at.clone());
            if let Some(id) = self.user(&rights, person).await? {
                self.assign(&rights, person, &id).await?;
            }
        }
        *self.at = None;
        let (users, given) = (self.outcome.users.len(), self.outcome.assignments.len());
        let changes = self.outcome.changes.len();
        if users + given + changes > 0 {
            self.change.record(json!({
                "action": "policy.imported", "changes": changes, "users": users, "assignments": given,
            }));
        }
        Ok(())
    }

    /// Returns the current policy with the imported one. An existing role may hold less than the imported role of
    /// the same name, and not more: the users of the source would get more than the source grants.
    fn together(&self, current: &Document, imported: &Document) -> Result<Document, ApiError> {
        let mut together = current.clone();
        for (permission, description) in &imported.permissions {
            let entry = together.permissions.entry(permission.clone());
            entry.or_insert_with(|| description.clone());
        }
        for (role, wanted) in &imported.roles {
            let refuse = |why: String| {
                let why = format!("{why}; use another --prefix for the imported roles");
                Err(ApiError::rule("same_name", why, vec![role.clone()]))
            };
            if self.app.settings().registration_roles.contains(role) {
                return refuse(format!("every user who registers gets role `{role}`"));
            }
            let entry = together.roles.entry(role.clone()).or_default();
            let more = entry.permissions.difference(&wanted.permissions).next();
            let more = more.map(ToString::to_string);
            let junior = entry.juniors.difference(&wanted.juniors).next();
            let more = more.or_else(|| junior.map(|junior| format!("role {junior}")));
            if let Some(more) = more {
                return refuse(format!(
                    "role `{role}` already exists and grants `{more}`, which the source does not"
                ));
            }
            if entry.description.is_empty() {
                entry.description.clone_from(&wanted.description);
            }
            entry.permissions.extend(wanted.permissions.iter().cloned());
            entry.juniors.extend(wanted.juniors.iter().cloned());
        }
        Ok(together)
    }

    /// Returns the id of a user, who is created if necessary; `None` if they are left out.
    async fn user(&mut self, rights: &Rights, person: &Person) -> Result<Option<String>, ApiError> {
        let name = person.username.as_str();
        if let Some(found) = accounts::find_credentials(self.change.conn(), name).await? {
            if self.wanted.skip_existing {
                self.outcome.skipped += 1;
                return Ok(None);
            }
            self.compare(person, &found.id, found.status);
            return Ok(Some(found.id));
        }
        match self.refusal_to_create(person).await? {
            None => self.create(rights, person).await.map(Some),
            Some(why) => {
                self.report(person, why);
                Ok(None)
            }
        }
    }

    /// Reports something about a user that has no counterpart.
    fn report(&mut self, person: &Person, why: String) {
        let note = Note::new(person.at.clone(), why);
        self.outcome.unmapped.push(note);
    }

    /// Reports how an existing user differs from the one in the source.
    fn compare(&mut self, person: &Person, id: &str, status: Status) {
        let name = &person.username;
        if let Some(kept) = person.id.as_deref().filter(|kept| *kept != id) {
            let kept = kept.escape_debug();
            self.report(
                person,
                format!("user `{name}` has the id `{id}` in rolecall, not `{kept}`"),
            );
        }
        if person.disabled && status != Status::Disabled {
            let why = format!("user `{name}` is disabled in the source, but not in rolecall");
            self.report(person, why);
        } else if person.must_change_password && status == Status::Active {
            self.report(
                person,
                format!(
                    "user `{name}` must change the password in the source, but not in rolecall"
                ),
            );
        }
    }

    /// Returns the reason why a user who does not exist is not created.
    async fn refusal_to_create(&mut self, person: &Person) -> Result<Option<String>, ApiError> {
        let name = person.username.as_str();
        if accounts::find_alike(self.change.conn(), name)
            .await?
            .is_some()
        {
            let why = format!("user `{name}`: another user has a name that looks the same");
            return Ok(Some(why));
        }
        if !self.wanted.create_users {
            let why = format!("there is no user `{name}`; use --create-users to create them");
            return Ok(Some(why));
        }
        let Some(id) = &person.id else {
            return Ok(None);
        };
        if let Err(why) = ids::check_brought_id(id) {
            return Ok(Some(format!("user `{name}` is not created: {why}")));
        }
        let is_used = accounts::is_id_used(self.change.conn(), id).await?;
        Ok(is_used.then(|| {
            format!(
                "user `{name}` is not created: id `{id}` belongs to another user or client, or did"
            )
        }))
    }

    /// Creates a user and returns the id.
    async fn create(&mut self, rights: &Rights, person: &Person) -> Result<String, ApiError> {
        if self.outcome.users.is_empty() {
            let needed = may::WriteUsers::NAME;
            Rights::require(self.app, self.change, self.caller, needed).await?;
        }
        check_hashes(rights, person.hash.is_some())?;
        let id = match &person.id {
            Some(id) => id.clone(),
            None => ids::new_id(self.change.now()).map_err(ApiError::internal)?,
        };
        let declarer = emails::declarer(rights, self.caller);
        let declarer = declarer.filter(|_| person.email_verified);
        let user = NewUser {
            id: &id,
            username: &person.username,
            email: person.email.as_deref(),
            email_verified_at: person.email_verified.then(|| self.change.now()),
            email_verified_by: declarer.as_deref(),
            password_hash: person.hash.as_deref(),
            reset_code_hash: None,
            reset_expires_at: None,
            profile: &StoredProfile::default(),
            must_change_password: false,
        };
        emails::refuse_taken(self.app, self.change, user.email, &id).await?;
        let mut made =
            registration::create_in(self.change, rights, self.caller, &user, &[]).await?;
        let status = if person.disabled {
            Status::Disabled
        } else if person.must_change_password {
            Status::PasswordChangeRequired
        } else {
            made.status
        };
        if status != made.status {
            made.status = status;
            accounts::update_user(self.change, &made).await?;
            self.change.record(json!({
                "action": "user.updated", "subject": id, "status": made.status.as_str(),
            }));
        }
        self.outcome.users.push(person.username.clone());
        Ok(id)
    }

    async fn assign(&mut self, rights: &Rights, person: &Person, id: &str) -> Result<(), ApiError> {
        let now = self.change.now();
        let there = assignment_store::all_of(self.change.conn(), id).await?;
        let lasting: BTreeSet<(&RoleName, Option<&TenantName>)> = there
            .iter()
            .filter(|given| {
                given.expires_at.is_none() && given.valid_from.is_none_or(|from| from <= now)
            })
            .map(|given| (&given.role, given.tenant.as_ref()))
            .collect();
        for (role, tenant) in &person.roles {
            if lasting.contains(&(role, tenant.as_ref())) {
                continue;
            }
            let done = assignments::assign_in(
                self.change,
                rights,
                self.caller,
                Assignee::User(id),
                role,
                tenant.as_ref(),
                &Validity::default(),
            )
            .await?;
            self.outcome.assignments.push(Given {
                user: person.username.clone(),
                role: role.clone(),
                tenant: tenant.clone(),
                is_asked_for: !matches!(done, assigning::Outcome::Assigned),
            });
        }
        Ok(())
    }
}

//! Takes users over: all of a file in one change, or nothing.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest;
use rolecall::PermissionName as _;
use rolecall_core::{Policy, Revision, RoleAssignment, RoleName, Timestamp};
use rolecall_import::users;
use serde_json::json;

use super::{
    Options, Problem, Report, Row,
    store::{self, New, ROWS},
    taken::Taken,
};
use crate::{
    accounts::import_rules::{ImportRules, check_hashes},
    app::App,
    audit::access::assigned,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    profile::rules::Party,
    roles::{requests, store as roles},
    store::{Change, read_head},
};

/// The users whose roles stand in one part of the audit entry.
const RECORDED: usize = 2000;

/// The step that an import is at, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many users are about to be checked, compared and, perhaps, written.
    Begin(usize),
    /// One more user was looked at.
    Checked,
    /// So many more were compared with the database.
    Compared(usize),
    /// So many more were written; nothing holds before the end.
    Written(usize),
}

/// Imports the users of a file.
///
/// Where the report holds problems, and in a dry run, nothing was written.
///
/// # Errors
///
/// If the caller may not make users, give the roles or, where some are lacking, make them.
pub(crate) async fn import_users(
    app: &App,
    caller: Caller<'_>,
    text: &str,
    options: &Options,
    watch: &dyn Fn(Step),
) -> Result<Report, ApiError> {
    let (records, mut problems) = users::parse(text, options.format, &options.columns);
    let number = records.len();
    watch(Step::Begin(number));
    let checked = || watch(Step::Checked);
    let rules = ImportRules {
        fields: &app.settings().profile,
        party: Party::administering(caller),
    };
    let (rows, found) = users::check(records, options.without_password, &rules, checked);
    problems.extend(found);
    problems.extend(rows.iter().filter_map(malformed_id));
    let mut report = Report {
        users: number,
        skipped: 0,
        assignments: 0,
        new_roles: Vec::new(),
        problems,
        digest: digest_of(text),
    };
    let mut users = in_order(rows, app.now())?;
    // whoever else writes waits from here to the commit, on SQLite for log-ins too: what can be done before it
    // is done before it
    let (revision, mut taken) = look_for_taken(app, &users, watch).await?;
    let report = app
        .change(caller, async |change| {
            // the names of users are not for everybody
            let rights = Rights::require(app, change, caller, may::WriteUsers::NAME).await?;
            if change.head().revision != revision + 1 {
                // another change came in between, perhaps of a name
                taken = Taken::find(app, change.conn(), &users, &|_| ()).await?;
            }
            if options.skip_existing {
                report.skipped = taken.names.len();
                users.retain(|user| !taken.names.contains_key(&user.row.line));
            } else {
                report.problems.extend(taken.name_problems());
            }
            report.problems.extend(taken.id_problems(&users));
            let unique = app.settings().unique_email;
            report.problems.extend(taken.email_problems(&users, unique));
            report.users = number.saturating_sub(report.skipped);
            report.assignments = users.iter().map(|user| user.row.roles.len()).sum();
            let hashes = check_hashes(&rights, users.iter().any(|user| user.row.hash.is_some()));
            let add_roles = options.add_roles;
            look_up_roles(
                app,
                change,
                (caller, rights),
                &users,
                add_roles,
                &mut report,
            )
            .await?;
            hashes?;
            if report.problems.is_empty() && !options.dry_run && !users.is_empty() {
                write(change, caller, &users, watch, &report).await?;
            }
            report.problems.sort_by_key(|problem| problem.line);
            Ok(report)
        })
        .await?;
    Ok(report)
}

/// Returns the problem of a row whose id cannot be kept.
fn malformed_id(row: &Row) -> Option<Problem> {
    let refusal = ids::check_brought_id(row.id.as_deref()?).err()?;
    Some(Problem::new(row.line, refusal))
}

/// The users in the order of their names, with new ids in the same order: written so, each row goes to the end of
/// every index, or beside the one before, instead of to some page that has to be fetched. That halves the time
/// of a hundred thousand, and everybody who writes waits for it.
fn in_order(mut rows: Vec<Row>, now: Timestamp) -> Result<Vec<New>, ApiError> {
    rows.sort_unstable_by(|one, other| one.username.cmp(&other.username));
    let ids = rows.iter().map(|_| ids::new_id(now));
    let mut ids = ids
        .collect::<Result<Vec<_>, _>>()
        .map_err(ApiError::internal)?;
    ids.sort_unstable();
    let users = ids.into_iter().zip(rows);
    let users = users.map(|(new, row)| New {
        id: row.id.clone().unwrap_or(new),
        row,
    });
    Ok(users.collect())
}

/// Returns what of a file is taken, and the revision at which it was.
async fn look_for_taken(
    app: &App,
    users: &[New],
    watch: &dyn Fn(Step),
) -> Result<(Revision, Taken), ApiError> {
    let mut conn = app.store().read().await?;
    let revision = read_head(&mut conn).await?.revision;
    Ok((
        revision,
        Taken::find(app, &mut conn, users, &|users| watch(Step::Compared(users))).await?,
    ))
}

fn digest_of(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Asks what the caller may assign, and finds the roles that are lacking.
async fn look_up_roles(
    app: &App,
    change: &mut Change<'_>,
    (caller, rights): (Caller<'_>, Rights),
    users: &[New],
    add_roles: bool,
    report: &mut Report,
) -> Result<(), ApiError> {
    let mut named: BTreeMap<&RoleName, Vec<usize>> = BTreeMap::new();
    for New { row, .. } in users {
        for role in &row.roles {
            named.entry(role).or_default().push(row.line);
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    Rights::require(app, change, caller, may::WriteAssignments::NAME).await?;
    rights.cover(named.keys().copied())?;
    for (role, lines) in named {
        let refusal = if role.as_str() == builtin::RESOURCE_SERVER {
            format!("role `{role}` is for clients only")
        } else if let Some(refusal) = requests::import_refusal(&rights.policy, role) {
            refusal
        } else if roles::find_role(change.conn(), role).await?.is_some() {
            continue;
        } else if !add_roles {
            format!("no role `{role}`; --add-roles makes it")
        } else if role.is_reserved() {
            format!("no role `{role}`, and its name is reserved")
        } else {
            report.new_roles.push(role.clone());
            continue;
        };
        let told = lines
            .into_iter()
            .map(|line| Problem::new(line, refusal.as_str()));
        report.problems.extend(told);
    }
    report
        .problems
        .extend(together(&rights.policy, users, change.now()));
    if !report.new_roles.is_empty() {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        // a role without permissions works by its name: to hand on a new one takes nothing that could be held
        if !rights.authority.is_unlimited() {
            return Err(ApiError::Lacks(Some(builtin::ANY.clone())));
        }
    }
    Ok(())
}

/// The lines that give roles together which a constraint keeps apart.
fn together(policy: &Policy, users: &[New], now: Timestamp) -> Vec<Problem> {
    let mut known: HashMap<&[RoleName], Option<String>> = HashMap::new();
    let mut problems = Vec::new();
    for New { row, .. } in users.iter().filter(|user| !user.row.roles.is_empty()) {
        let refusal = known.entry(&row.roles).or_insert_with(|| {
            let given: Vec<RoleAssignment> =
                row.roles.iter().map(RoleAssignment::permanent).collect();
            let breach = policy.static_breach(&given, now);
            breach.map(|breach| breach.to_string())
        });
        if let Some(refusal) = refusal {
            problems.push(Problem::new(row.line, refusal.as_str()));
        }
    }
    problems
}

async fn write(
    change: &mut Change<'_>,
    caller: Caller<'_>,
    users: &[New],
    watch: &dyn Fn(Step),
    report: &Report,
) -> Result<(), ApiError> {
    for role in &report.new_roles {
        roles::insert_role(change, role, "").await?;
        change.record(json!({ "action": "role.created", "role": role }));
        change.policy_changed();
    }
    let assigned_by = caller.actor().to_string();
    store::expect_many(change).await?;
    for users in users.chunks(ROWS) {
        store::insert_users(change, users).await?;
        let given: Vec<(&str, &RoleName)> = users
            .iter()
            .flat_map(|user| user.row.roles.iter().map(|role| (user.id.as_str(), role)))
            .collect();
        store::insert_assignments(change, &given, &assigned_by).await?;
        watch(Step::Written(users.len()));
    }
    for users in users.chunks(RECORDED) {
        let given = users.iter().flat_map(|user| {
            user.row
                .roles
                .iter()
                .map(|role| (user.id.as_str(), role.as_str()))
        });
        change.record_beside(&assigned(given)).await?;
    }
    // a hundred thousand ids would make one entry of megabytes: they are beside it, and the entry holds their digest
    change.record(json!({
        "action": "users.imported", "users": report.users, "assignments": report.assignments,
        "sha256": report.digest,
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::import::{Columns, Format},
        demo,
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_name_that_is_taken_after_the_look_is_not_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let server = crate::Embedded::open(&url).await.unwrap();
        let app = server.app();
        let hash = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
        let text = format!("username,hashed_password\nalice,{hash}\nbob,{hash}\n");
        let options = Options {
            format: Format::Csv,
            columns: Columns::default(),
            skip_existing: false,
            add_roles: false,
            without_password: false,
            dry_run: false,
        };
        let meanwhile = |step| {
            if let Step::Compared(_) = step {
                let made = demo::ensure_user(app, "bob", "a password of bob", &[]);
                let wait = || tokio::runtime::Handle::current().block_on(made);
                tokio::task::block_in_place(wait).unwrap();
            }
        };
        let caller = Caller::CommandLine { system_user: "" };
        let report = import_users(app, caller, &text, &options, &meanwhile).await;
        let found = report.unwrap().problems;
        assert_eq!(found, [Problem::new(3, "user `bob` already exists")]);
    }
}

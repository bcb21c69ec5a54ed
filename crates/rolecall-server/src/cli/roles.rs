use super::{
    CliError,
    arguments::{RoleCommand, Switch},
    context::Context,
    output::{print_json, print_table, said},
    pages,
};
use crate::{
    error::ApiError,
    roles::{
        assignment_store::SubjectAssignment,
        handlers::RoleView,
        review,
        review_handlers::{self, HolderView, ReachView},
        service::{self, RoleDetails},
    },
    times::rfc3339,
};
use rolecall_core::{RoleName, Timestamp};
use serde_json::json;

pub(super) async fn run(context: &Context, command: &RoleCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let changed = match command {
        RoleCommand::List => return list(context).await,
        RoleCommand::Show { name } => return show_whole(context, name).await,
        RoleCommand::Holders { name, inherited } => {
            return holders(context, name, *inherited).await;
        }
        RoleCommand::Add {
            name,
            description,
            approval,
        } => service::create(app, caller, name, description, *approval).await?,
        RoleCommand::Approval { name, needed } => {
            let needed = *needed == Switch::On;
            service::update(app, caller, name, None, Some(needed)).await?
        }
        RoleCommand::Allow { name, permissions } => {
            let mut changed = None;
            for pattern in permissions {
                changed = Some(service::grant_new(app, caller, name, pattern).await?);
            }
            return show_last(context, name, changed).await;
        }
        RoleCommand::Disallow { name, permissions } => {
            let mut changed = None;
            for pattern in permissions {
                changed = Some(service::revoke(app, caller, name, pattern).await?);
            }
            return show_last(context, name, changed).await;
        }
        RoleCommand::Inherit { name, junior } => {
            service::inherit(app, caller, name, junior).await?
        }
        RoleCommand::Disinherit { name, junior } => {
            service::disinherit(app, caller, name, junior).await?
        }
        RoleCommand::Delete { name } => {
            if !service::delete(app, caller, name).await? {
                return Err(ApiError::unknown("role", name).into());
            }
            return said(context.json, &format!("role `{name}` deleted"));
        }
    };
    show(context, changed)
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| service::list(app, caller, after, limit).await;
    let roles = pages::all(read, |role: &RoleDetails| role.role.name.to_string()).await?;
    if context.json {
        return print_json(
            &roles
                .into_iter()
                .map(RoleView::from)
                .map(|role| json!(role))
                .collect(),
        );
    }
    print_table(
        &["role", "holds", "inherits", "description"],
        roles.into_iter().map(row).collect(),
    )
}

/// Shows the role after the last of several changes, or as it is if there were none.
async fn show_last(
    context: &Context,
    name: &RoleName,
    changed: Option<RoleDetails>,
) -> Result<(), CliError> {
    match changed {
        Some(role) => show(context, role),
        None => show(
            context,
            service::get(&context.app, context.caller(), name).await?,
        ),
    }
}

fn show(context: &Context, role: RoleDetails) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(RoleView::from(role)));
    }
    print_table(
        &["role", "holds", "inherits", "description"],
        vec![row(role)],
    )
}

/// The role with all that it gives, and who inherits it.
async fn show_whole(context: &Context, name: &RoleName) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let role = service::get(app, caller, name).await?;
    let reach = review::reach(app, caller, name).await?;
    if context.json {
        let mut shown = json!(RoleView::from(role));
        if let Some(members) = shown.as_object_mut() {
            members.insert("reach".to_owned(), json!(ReachView::from(reach)));
        }
        return print_json(&shown);
    }
    let mut cells = row(role);
    let description = cells.pop().unwrap_or_default();
    cells.push(joined(&reach.permissions));
    cells.push(joined(&reach.seniors));
    cells.push(description);
    print_table(
        &[
            "role",
            "holds",
            "inherits",
            "gives",
            "inherited by",
            "description",
        ],
        vec![cells],
    )
}

async fn holders(context: &Context, name: &RoleName, inherited: bool) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |place: &str, limit| {
        let after = review_handlers::after(place);
        review::holders(app, caller, name, inherited, after, limit).await
    };
    let found = pages::all(read, review_handlers::place).await?;
    if context.json {
        let views = found.into_iter().map(HolderView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, rfc3339);
    let cells = |held: SubjectAssignment| {
        let given = held.assignment;
        vec![
            held.name,
            given.role.to_string(),
            given
                .tenant
                .map_or_else(String::new, |tenant| tenant.to_string()),
            time(given.valid_from),
            time(given.expires_at),
            given.reason.unwrap_or_default(),
        ]
    };
    print_table(
        &["holder", "role", "tenant", "from", "until", "reason"],
        found.into_iter().map(cells).collect(),
    )
}

fn joined<T: ToString>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

fn row(details: RoleDetails) -> Vec<String> {
    let mut name = details.role.name.to_string();
    if details.approval {
        name.push_str("\n(by two)");
    }
    vec![
        name,
        joined(&details.permissions),
        joined(&details.juniors),
        details.role.description,
    ]
}

//! The step in which somebody chooses a tenant, or roles that a constraint does not allow together.

use std::collections::BTreeSet;

use rolecall_core::{RoleName, TenantName};

use super::{
    choice::{Choice, Open},
    kept::{find, page_of, write_step},
    owed::Due,
    pending::{due, settle},
    service::advance,
    step::{FlowError, Next, Visitor},
};
use crate::{app::App, login::browser::service as browsers};

/// The choice in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) roles: Vec<&'a str>,
}

/// Makes the choice that is due, and goes on. A form for another step shows the step that is due.
pub(crate) async fn choose(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    chosen: &Chosen<'_>,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    if due(app, &flow).await? != Due::Nothing {
        return page_of(&flow, visitor);
    }
    let Some(open) = settle(app, &mut flow).await? else {
        return page_of(&flow, visitor);
    };
    let is_for_other_step = match &open {
        Open::Tenant(_) => chosen.tenant.is_none() && !chosen.roles.is_empty(),
        Open::Roles(..) => chosen.tenant.is_some() && chosen.roles.is_empty(),
    };
    if is_for_other_step {
        return page_of(&flow, visitor);
    }
    flow.choice = made(&open, &flow.choice, chosen).ok_or(FlowError::WrongChoice)?;
    flow.consented = false;
    write_step(app, &mut flow).await?;
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, None).await
}

/// Returns the choice with what a form adds to it; `None` if that was not offered.
fn made(open: &Open, before: &Choice, chosen: &Chosen<'_>) -> Option<Choice> {
    match open {
        Open::Tenant(tenants) => {
            let tenant: TenantName = chosen.tenant?.parse().ok()?;
            tenants.contains(&tenant).then(|| Choice {
                tenant: Some(tenant),
                ..Choice::default()
            })
        }
        Open::Roles(open, policy) => {
            let picked = chosen.roles.iter().map(|role| role.parse());
            let picked: BTreeSet<RoleName> = picked.collect::<Result<_, _>>().ok()?;
            let scope = open.choose(policy, &picked)?;
            // a later constraint may take away what an earlier choice has picked
            let mut all = &before.picked | &picked;
            all.retain(|role| picked.contains(role) || !open.breach.roles.contains(role));
            Some(Choice {
                tenant: before.tenant.clone(),
                picked: all,
                scope: Some(scope),
            })
        }
    }
}

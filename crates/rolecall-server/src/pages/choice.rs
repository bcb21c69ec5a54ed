//! The page on which somebody chooses a tenant, or roles that a constraint does not allow together.

use minijinja::{Value, context};

use super::submitted::Submitted;
use crate::login::flow::{choice::Open, choosing::Chosen, step::Shown};

const TENANT: &str = "tenant";
const ROLE: &str = "role";

/// Returns what a form has chosen.
pub(super) fn chosen(form: &Submitted) -> Chosen<'_> {
    Chosen {
        tenant: Some(form.get(TENANT)).filter(|tenant| !tenant.is_empty()),
        roles: form.all(ROLE),
    }
}

/// Returns the variables of the page. `error` is the key of a text.
pub(super) fn values(
    shown: &Shown,
    username: &str,
    open: &Open,
    (error, seconds): (&str, u64),
) -> Value {
    let (heading, legend, field) = match open {
        Open::Tenant(_) => ("choose-tenant", "choose-one-tenant", TENANT),
        Open::Roles(open, _) if open.breach.at_most == 1 => {
            ("choose-roles", "choose-one-role", ROLE)
        }
        Open::Roles(..) => ("choose-roles", "choose-some-roles", ROLE),
    };
    let (most, options) = options(shown, open);
    context! {
        heading => heading,
        legend => legend,
        field => field,
        kind => if most == 1 { "radio" } else { "checkbox" },
        most => most,
        options => options,
        client => shown.client.as_ref().map_or("", |client| client.name.as_str()),
        flow => shown.flow.id.as_str(),
        username => username,
        error => error,
        seconds => seconds,
    }
}

/// Returns the number of options that can be chosen together, and the options.
fn options(shown: &Shown, open: &Open) -> (u32, Vec<Value>) {
    match open {
        Open::Tenant(tenants) => {
            let tenants = tenants.iter().map(|tenant| {
                context! { value => tenant.as_str(), text => "" }
            });
            (1, tenants.collect())
        }
        Open::Roles(open, _) => {
            let roles = open.options.iter().map(|role| {
                let text = shown.descriptions.get(&format!("role:{role}"));
                context! { value => role.as_str(), text => text.map_or("", String::as_str) }
            });
            (open.breach.at_most, roles.collect())
        }
    }
}

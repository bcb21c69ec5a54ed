//! Casbin models and policies whose roles mean the same as those of rolecall.
//!
//! A model that means something else is rejected as a whole, with the line and the reason: patterns, attributes,
//! rules that deny, priorities. Of a policy, every line that has no counterpart becomes a note, and the other
//! lines decide every question as Casbin does. What is left out grants less, never more.
//!
//! The steps, from text to result: `conf` splits the file of the model, `matcher` parses its matcher, `meaning`
//! decides which value of a rule is compared with what, and `model` combines them. `policy` parses the policy,
//! `mapper` converts names and drops lines, `domains` finds roles that differ between domains, `role_names` names
//! the roles, and `write` writes roles, users and assignments.

mod conf;
mod domains;
mod mapper;
mod matcher;
mod meaning;
mod model;
mod policy;
mod role_names;
#[cfg(test)]
mod tests;
mod write;

use self::{mapper::Mapper, model::Model, role_names::RoleNames};
use crate::{
    accounts::AccountRules,
    imported::{ImportOptions, Imported},
    note::ImportError,
    source::{Location, Source},
};

/// The longest model, in bytes.
const MAX_MODEL: usize = 64 * 1024;
/// The longest policy, in bytes.
const MAX_POLICY: usize = 32 * 1024 * 1024;

/// Converts a model and a policy.
///
/// # Errors
///
/// The model means something that rolecall does not support, or a file is too long.
///
/// ```
/// use rolecall_import::{ImportOptions, Source, casbin};
/// # use rolecall_import::{AccountName, AccountRules};
/// # struct Rules;
/// # impl AccountRules for Rules {
/// #     fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
/// #         Ok(AccountName { canonical: typed.to_owned(), key: typed.to_owned() })
/// #     }
/// #     fn parse_email(&self, typed: &str) -> Result<String, String> { Ok(typed.to_owned()) }
/// # }
///
/// let model = Source {
///     name: "model.conf",
///     text: "[request_definition]\nr = sub, obj, act\n\
///         [policy_definition]\np = sub, obj, act\n\
///         [role_definition]\ng = _, _\n\
///         [policy_effect]\ne = some(where (p.eft == allow))\n\
///         [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n",
/// };
/// let policy = Source {
///     name: "policy.csv",
///     text: "p, editor, articles, write\ng, alice, editor\np, editor, /drafts/*, read\n",
/// };
/// let imported = casbin::convert(model, policy, &ImportOptions::default(), &Rules)?;
/// assert_eq!(imported.document.role_names().collect::<Vec<_>>(), ["editor"]);
/// assert_eq!(imported.people[0].username, "alice");
/// assert_eq!(imported.unmapped[0].at.to_string(), "policy.csv:3"); // a pattern
/// # Ok::<(), rolecall_import::ImportError>(())
/// ```
pub fn convert(
    model: Source<'_>,
    policy: Source<'_>,
    options: &ImportOptions,
    accounts: &dyn AccountRules,
) -> Result<Imported, ImportError> {
    for (source, most) in [(model, MAX_MODEL), (policy, MAX_POLICY)] {
        if source.text.len() > most {
            let at = Location::whole(&source.name.into());
            let message = format!("the file is longer than {most} bytes, which is the limit");
            return Err(ImportError::new(at, message));
        }
    }
    let entries = conf::entries(model)?;
    let model = Model::new(&model.name.into(), &entries)?;
    let lines = policy::read(policy, &model)?;
    let mut mapper = Mapper::new(lines, &model, options, accounts);
    let versions = mapper.versions()?;
    let names = RoleNames::new(&mapper, &versions, options);
    let mut imported = write::write(mapper, names);
    imported.unmapped.splice(0..0, model.unmapped);
    Ok(imported)
}

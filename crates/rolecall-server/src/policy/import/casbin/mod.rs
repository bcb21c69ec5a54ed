//! Casbin's models and policies: taken where the model means what roles mean here.
//!
//! [`conf`] takes the model's file apart, [`matcher`] its matcher, [`model`] says what both mean; [`rules`]
//! reads the policy, [`map`] sorts and names what it is about, and [`write`] writes roles, users and assignments.

mod conf;
mod domains;
mod map;
mod matcher;
mod meaning;
mod model;
mod rules;
mod write;

use super::{At, Imported, Note, Options, Refusal, Source};

/// The longest model, in bytes.
const MAX_MODEL: usize = 64 * 1024;
/// The longest policy, in bytes.
const MAX_POLICY: usize = 32 * 1024 * 1024;

/// What a model and a policy come to.
///
/// # Errors
///
/// Each place of the model that means something else than roles do here, or that a file is too long.
pub(crate) fn read(
    model: Source<'_>,
    policy: Source<'_>,
    options: &Options,
) -> Result<Imported, Refusal> {
    for (source, most) in [(model, MAX_MODEL), (policy, MAX_POLICY)] {
        if source.text.len() > most {
            let at = At::whole(&source.name.into());
            let message = format!("longer than the {most} bytes that are read");
            return Err(vec![Note::new(at, message)]);
        }
    }
    let entries = conf::entries(model)?;
    let model = model::Model::of(&model.name.into(), &entries)?;
    let rules = rules::read(policy, &model)?;
    map::map(&model, rules, options)
}

#[cfg(test)]
mod tests;

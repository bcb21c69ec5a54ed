//! Sample data, with which each template is tried before anybody sees it.

use minijinja::{Environment, Error, Template, Value, context};

use super::{
    language::{LANGUAGES, Language},
    templates::NAMES,
};

/// Renders each template in each language.
pub(super) fn try_all(environment: &Environment<'_>) -> Result<(), Error> {
    for name in NAMES {
        render(&environment.get_template(name)?, name)?;
    }
    Ok(())
}

/// Renders a template with each of its samples in each language, and returns the last page.
pub(super) fn render(template: &Template<'_, '_>, name: &str) -> Result<String, Error> {
    let mut page = String::new();
    for values in samples(name) {
        for place in 0..LANGUAGES.len() {
            let common = context! {
                lang => Language::at(place).name(),
                language => place,
                base => "/auth",
                brand => "Example",
                logo_version => "v1",
                style_version => "v1",
                script_version => "v1",
            };
            page = template.render(context! { ..values.clone(), ..common })?;
        }
    }
    Ok(page)
}

/// Returns the variables of a template, as full and as empty as they can be.
fn samples(name: &str) -> Vec<Value> {
    let some = vec![context! {
        id => "x", name => "Wiki", address => "203.0.113.7", since => "2026-01-31 12:00", last => "2026-01-31 12:00",
        scopes => "openid, profile", is_current => true, key => "", text => "Read items",
    }];
    match name {
        "sign_in.html" => vec![
            context! {
                client => "Wiki", flow => "x", username => "alice", signed_in => "alice", may_stay => true,
                stays => true, error => "wrong-password", notice => "password-changed", seconds => 3,
            },
            context! {
                client => "", flow => "x", username => "", signed_in => "", may_stay => false,
                stays => false, error => "", notice => "", seconds => 0,
            },
        ],
        "change.html" => vec![
            context! { flow => "x", username => "alice", error => "too-many", problem => "", seconds => 3 },
            context! { flow => "x", username => "", error => "", problem => "too short", seconds => 0 },
        ],
        "choose.html" => vec![
            context! {
                heading => "choose-roles", legend => "choose-some-roles", field => "role", kind => "checkbox", most => 2,
                options => vec![context! { value => "payer", text => "Pays" }], client => "Wiki", flow => "x",
                username => "alice", error => "wrong-choice", seconds => 0,
            },
            context! {
                heading => "choose-tenant", legend => "choose-one-tenant", field => "tenant", kind => "radio", most => 1,
                options => vec![context! { value => "acme", text => "" }], client => "", flow => "x",
                username => "alice", error => "", seconds => 0,
            },
        ],
        "consent.html" => vec![
            context! {
                client => "Wiki", host => "wiki.example", is_shared => true, flow => "x", username => "alice",
                resource => "Items (https://items.example)",
                scopes => [vec![context! { key => "scope-openid" }], some.clone()].concat(),
            },
            context! {
                client => "Wiki", host => "wiki.example", is_shared => false, flow => "x", username => "alice",
                resource => "",
                scopes => Vec::<Value>::new(),
            },
        ],
        "message.html" => vec![context! {
            heading => "ended", text => "ended-text", seconds => 3, detail => "client_id is missing",
        }],
        "form_post.html" => vec![context! {
            action => "https://wiki.example/cb", parameters => vec![("code", "x")],
        }],
        "logout.html" => vec![context! {
            username => "alice", parameters => vec![("state", "x")],
        }],
        "account.html" => vec![
            context! {
                username => "alice", email => "alice@example.com", sessions => some.clone(),
                browsers => some.clone(), allowed => some,
            },
            context! {
                username => "alice", email => "", sessions => Vec::<Value>::new(),
                browsers => Vec::<Value>::new(), allowed => Vec::<Value>::new(),
            },
        ],
        // only others extend it
        _ => vec![context! {}],
    }
}

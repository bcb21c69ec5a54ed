//! Sample data, with which each template is tried before anybody sees it.

use std::collections::BTreeSet;

use minijinja::{Error, Template, Value, context};

use super::{
    factor_samples,
    languages::{Language, Languages},
    mail_kinds::{KINDS, keys},
    sample_values::{ERRORS, TEXT, with_empty},
};

/// Renders a template with each of its samples in each language, and returns the pages.
pub(super) fn render(
    template: &Template<'_, '_>,
    name: &str,
    languages: &Languages,
) -> Result<Vec<String>, Error> {
    let mut pages = Vec::new();
    for values in samples(name) {
        for language in languages.all() {
            let common = common(languages, language);
            // a text without one of its variables is a fault only here
            let trial = context! { trial => true };
            let values = context! { ..trial, ..values.clone(), ..common };
            pages.push(template.render(values)?);
        }
    }
    Ok(pages)
}

/// Returns the variables that a template can have.
pub(super) fn variables(name: &str, languages: &Languages) -> BTreeSet<String> {
    let mut values = samples(name);
    values.push(common(languages, Language::default()));
    let names = values.iter().filter_map(|values| values.try_iter().ok());
    names.flatten().map(|name| name.to_string()).collect()
}

/// Returns the variables of every template.
pub(super) fn common(languages: &Languages, language: Language) -> Value {
    context! {
        lang => languages.name(language),
        dir => languages.direction(language),
        language => language.place(),
        base => BASE,
        brand => TEXT,
        logo_version => "v1",
        style_version => "v1",
        script_version => "v1",
        passkeys_version => "v1",
        submit_version => "v1",
        admin_style_version => "v1",
        admin_script_version => "v1",
        favicon_version => "v1",
        brand_server => TEXT,
        brand_host => HOST,
        links => vec![context! { label => TEXT, url => "https://www.example.com" }],
    }
}

/// The path of the server.
pub(super) const BASE: &str = "/auth";
/// The host of the client.
pub(super) const HOST: &str = "wiki.example";
/// The tenant that a consent is for.
pub(super) const TENANT: &str = "acme-of-sample";
/// The headings of messages.
const MESSAGES: [&str; 20] = [
    "signed-out",
    "ended",
    "bad-request",
    "forbidden",
    "unavailable",
    "reset-sent",
    "password-reset",
    "link-ended",
    "not-offered",
    "address-verified",
    "address-taken",
    "sign-in-first",
    "account-made",
    "left",
    "sign-up-sent",
    "sign-up-closed",
    "admin-nobody",
    "admin-unknown",
    "admin-refused",
    "admin-too-large",
];

/// Returns the variables of a template, as full and as empty as they can be.
pub(super) fn samples(name: &str) -> Vec<Value> {
    match name {
        "sign_in.html" => {
            let errors = ERRORS.map(|error| {
                context! {
                    client => TEXT, flow => TEXT, username => TEXT, passkey => TEXT, signed_in => TEXT, may_stay => true, may_reset => true, may_sign_up => true, may_mail => true,
                    stays => true, error => error, notice => "password-changed", seconds => 3,
                }
            });
            with_empty(
                errors,
                context! {
                    client => "", flow => "x", username => "", passkey => "", signed_in => "", may_stay => false, may_reset => false, may_sign_up => false, may_mail => false,
                    stays => false, error => "", notice => "", seconds => 0,
                },
            )
        }
        "change.html" => {
            let errors = ERRORS.map(|error| {
                context! { flow => TEXT, username => TEXT, error => error, problem => "", seconds => 3, asks_code => true }
            });
            with_empty(
                errors,
                context! {
                    flow => "x", username => "", error => "", problem => TEXT, seconds => 0, asks_code => false,
                },
            )
        }
        "reset.html" | "new_password.html" | "invite.html" | "sign_up.html" | "verify.html"
        | "mail.html" | "mail.txt" => of_mail(name),
        "choose.html" => choices(),
        "consent.html" => consents(),
        "message.html" => {
            let messages = MESSAGES.map(|heading| {
                context! { heading => heading, text => format!("{heading}-text"), seconds => 3, detail => TEXT, client => TEXT, again => "https://wiki.example/start" }
            });
            with_empty(
                messages,
                context! {
                    heading => "unavailable", text => "too-many", seconds => 1, detail => "", client => "", again => "",
                },
            )
        }
        "form_post.html" => vec![context! {
            action => "https://wiki.example/cb", parameters => vec![(TEXT, TEXT)],
        }],
        "logout.html" => vec![context! {
            username => TEXT, parameters => vec![(TEXT, TEXT)],
        }],
        "account.html" => accounts(),
        _ => of_account(name),
    }
}

/// As [`samples`], for second factors and the other pages of an account.
fn of_account(name: &str) -> Vec<Value> {
    match name {
        "continue.html" => vec![context! { flow => TEXT, username => TEXT }],
        "own_password.html" | "leave.html" => {
            let errors = ERRORS.map(|error| {
                context! { username => TEXT, error => error, problem => "", seconds => 3, asks_code => true }
            });
            let empty = context! { username => TEXT, error => "", problem => TEXT, seconds => 0, asks_code => false };
            with_empty(errors, empty)
        }
        "details.html" => details(),
        "events.html" => events(),
        _ => factor_samples::samples(name),
    }
}

/// As [`samples`], for the mails and the pages that their links lead to.
fn of_mail(name: &str) -> Vec<Value> {
    match name {
        "reset.html" => {
            let errors = ERRORS.map(|error| {
                context! { flow => TEXT, username => TEXT, error => error, seconds => 3 }
            });
            with_empty(
                errors,
                context! { flow => "", username => "", error => "", seconds => 0 },
            )
        }
        "new_password.html" => {
            let errors = ERRORS.map(|error| {
                context! { token => TEXT, username => TEXT, error => error, problem => "", seconds => 3, asks_code => true, passkey => TEXT }
            });
            with_empty(
                errors,
                context! {
                    token => "x", username => "alice", error => "", problem => TEXT, seconds => 0, asks_code => false,
                    passkey => "",
                },
            )
        }
        "invite.html" => {
            let errors = ERRORS.map(|error| {
                context! {
                    token => TEXT, flow => TEXT, address => TEXT, username => TEXT, error => error, problem => "", seconds => 3,
                }
            });
            with_empty(
                errors,
                context! {
                    token => "x", flow => "", address => "a@b.example", username => "", error => "", problem => TEXT, seconds => 0,
                },
            )
        }
        "sign_up.html" => {
            let errors = ERRORS.map(|error| {
                context! { flow => TEXT, address => TEXT, error => error, problem => "", seconds => 3 }
            });
            with_empty(
                errors,
                context! { flow => "", address => "", error => "", problem => TEXT, seconds => 0 },
            )
        }
        "verify.html" => vec![
            context! { token => TEXT, username => TEXT, address => TEXT, signed_in => true },
            context! { token => "x", username => "alice", address => "a@b.example", signed_in => false },
        ],
        _ => mails(),
    }
}

/// A part of the link of a mail, and the code of one.
const LINK_MARK: &str = "sample-of-a-link";
const CODE_MARK: &str = "98765432";

/// What nobody can go on without that a mail has.
struct Needed {
    variable: &'static str,
    mark: &'static str,
}

fn needed_in(kind: &str) -> Option<Needed> {
    // a mail with a link has the text of a button
    let button = keys(kind, "").get_attr("button");
    if button.is_ok_and(|button| button.is_true()) {
        return Some(Needed {
            variable: "link",
            mark: LINK_MARK,
        });
    }
    kind.ends_with("-code").then_some(Needed {
        variable: "detail",
        mark: CODE_MARK,
    })
}

/// Returns what mails lack that were written with the samples in so many languages.
pub(super) fn lacking_in_mails(name: &str, pages: &[String], languages: usize) -> Option<String> {
    if !name.starts_with("mail.") || languages == 0 {
        return None;
    }
    // two samples of each kind, of which the first has everything
    let mut of_kinds = pages.chunks(2 * languages).zip(KINDS);
    of_kinds.find_map(|(pages, kind)| {
        let Needed { variable, mark } = needed_in(kind)?;
        let mut full = pages.iter().take(languages);
        full.any(|page| !page.contains(mark)).then(|| {
            format!(
                "nobody can go on with this mail: one of the kind `{kind}` does not show `{{{{ {variable} }}}}` in each language; `rolecall templates export` shows it"
            )
        })
    })
}

/// Every kind of mail, with and without what only some have.
fn mails() -> Vec<Value> {
    let mut all = Vec::new();
    for kind in KINDS {
        let needed = needed_in(kind).map(|needed| needed.variable);
        let link = if needed == Some("link") {
            format!("https://login.example/reset?token={LINK_MARK}")
        } else {
            String::new()
        };
        let detail = if needed == Some("detail") {
            CODE_MARK
        } else {
            TEXT
        };
        all.push(context! {
            username => TEXT, detail => detail, until => "2026-01-31 12:00",
            link => link, ..keys(kind, detail)
        });
        all.push(context! {
            username => "", detail => "", until => "2026-01-31 12:00", link => "", ..keys(kind, "")
        });
    }
    all
}

fn choices() -> Vec<Value> {
    let errors = ERRORS.map(|error| {
        context! {
            heading => "choose-roles", legend => "choose-some-roles", field => "role", kind => "checkbox", most => 2,
            options => vec![context! { value => TEXT, text => TEXT }], client => TEXT, flow => TEXT,
            username => TEXT, error => error, seconds => 3,
        }
    });
    with_empty(
        errors,
        context! {
            heading => "choose-tenant", legend => "choose-one-tenant", field => "tenant", kind => "radio", most => 1,
            options => vec![context! { value => "acme", text => "" }], client => "", flow => "x",
            username => "alice", error => "", seconds => 0,
        },
    )
}

fn consents() -> Vec<Value> {
    let scopes = vec![
        context! { key => "scope-openid" },
        context! { key => "", name => TEXT, text => TEXT },
    ];
    let full = context! {
        client => TEXT, host => HOST, is_shared => true, flow => TEXT, username => TEXT, resource => TEXT, tenant => TENANT,
        scopes => scopes, lasts => TEXT,
    };
    let empty = context! {
        client => "Wiki", host => HOST, is_shared => false, flow => "x", username => "alice",
        resource => "", tenant => "", scopes => Vec::<Value>::new(), lasts => "",
    };
    vec![full, empty]
}

fn details() -> Vec<Value> {
    let field = |kind: &str| {
        context! {
            name => TEXT, kind => kind, value => TEXT, choices => vec![TEXT, "true"], is_required => kind == "url",
            max_length => 60,
        }
    };
    let fields = ["text", "date", "url", "boolean", "enum"].map(field);
    let full =
        context! { username => TEXT, fields => fields.to_vec(), is_saved => true, problem => "" };
    let empty = context! { username => "alice", fields => fields.to_vec(), is_saved => false, problem => TEXT };
    vec![full, empty]
}

fn events() -> Vec<Value> {
    let keys = [
        "event-log-in",
        "event-log-in-failed",
        "event-password-proven",
        "event-mail-code-proven",
        "event-password-changed",
        "event-reset-refused",
        "event-replayed",
        "",
    ];
    let event = |key: &str| context! { key => key, kind => TEXT, address => TEXT, at => "2026-01-31 12:00" };
    vec![
        context! { events => keys.map(event).to_vec(), older => TEXT },
        context! { events => Vec::<Value>::new(), older => "" },
    ]
}

fn accounts() -> Vec<Value> {
    let some = vec![
        context! {
            id => TEXT, name => TEXT, address => TEXT, agent => TEXT, since => "2026-01-31 12:00",
            last => "2026-01-31 12:00", scopes => TEXT, is_current => true,
        },
        context! {
            id => "x", name => "", address => "203.0.113.7", agent => "", since => "2026-01-31 12:00",
            last => "2026-01-31 12:00", scopes => "", is_current => false,
        },
    ];
    let full = context! {
        error => "wrong-password", seconds => 3, notice => "link-sent", sends_mail => true, verified => false, problem => TEXT,
        username => TEXT, email => TEXT, sessions => some.clone(), browsers => some.clone(), allowed => some,
        has_details => true, may_leave => true,
    };
    let empty = context! {
        error => "", seconds => 0, notice => "", sends_mail => false, verified => true, problem => "",
        username => "alice", email => "", sessions => Vec::<Value>::new(),
        browsers => Vec::<Value>::new(), allowed => Vec::<Value>::new(), has_details => false,
        may_leave => false,
    };
    let verified = |sends_mail: bool| {
        context! {
            sends_mail => sends_mail, error => "", problem => "", email => TEXT, ..empty.clone()
        }
    };
    let (with_mail, without) = (verified(true), verified(false));
    vec![full, with_mail, without, empty]
}

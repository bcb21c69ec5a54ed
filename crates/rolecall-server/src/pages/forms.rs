//! What people send with a page: its forms and their fields. A template that leaves one out makes a page on which nobody can
//! go on.

use std::collections::{BTreeMap, BTreeSet};

use super::markup::{Tag, tags};

/// Where forms lead that a page can do without.
const OPTIONAL_FORMS: [&str; 2] = ["/login/other", "/login/continue"];
/// The form of a passkey.
const PASSKEY: &str = "/login/passkey";
/// The fields that a form can do without.
const OPTIONAL_FIELDS: [&str; 1] = ["stay"];

/// The fields of the forms of a page that are posted, by the address that they are sent to.
type Forms = BTreeMap<String, BTreeSet<String>>;

/// Returns what a page lacks of the forms and fields of the built-in one; `base` is the path of the server.
pub(super) fn lacking(page: &str, built_in: &str, base: &str) -> Option<String> {
    let (own, needed) = (forms(page, base), forms(built_in, base));
    let none = BTreeSet::new();
    // beside a password, nobody depends on a passkey
    let has_password = needed.contains_key(&format!("{base}/login"));
    needed.into_iter().find_map(|(action, fields)| {
        let path = action.strip_prefix(base).unwrap_or_default();
        if OPTIONAL_FORMS.contains(&path) || (has_password && path == PASSKEY) {
            return None;
        }
        let there = own.get(&action);
        let lacking: Vec<String> = fields
            .iter()
            .filter(|field| !OPTIONAL_FIELDS.contains(&field.as_str()))
            .filter(|field| !there.unwrap_or(&none).contains(*field))
            .map(|field| format!("`{field}`"))
            .collect();
        (there.is_none() || !lacking.is_empty()).then(|| describe(&action, base, &lacking))
    })
}

fn describe(action: &str, base: &str, fields: &[String]) -> String {
    let action = action
        .strip_prefix(base)
        .map_or_else(|| action.to_owned(), |path| format!("{{{{ base }}}}{path}"));
    let and = if fields.is_empty() {
        String::new()
    } else {
        format!(" and the fields {}", fields.join(", "))
    };
    format!(
        "nobody can go on with this page: it lacks a form with `method=\"post\"`, `action=\"{action}\"`{and}; `rolecall templates export` shows it"
    )
}

/// Returns the forms of a page. What stands after a form belongs to it, too.
fn forms(html: &str, base: &str) -> Forms {
    let mut forms = Forms::new();
    let mut current = None;
    for tag in tags(html) {
        if tag.name == "form" {
            let is_posted = tag
                .value("method")
                .is_some_and(|method| method.eq_ignore_ascii_case("post"));
            // without an address it is sent to that of the page
            let action = tag.value("action").filter(|action| !action.is_empty());
            let action = action.map_or_else(|| format!("{base}/login"), str::to_owned);
            current = is_posted.then(|| action.clone());
            if is_posted {
                forms.entry(action).or_default();
            }
            continue;
        }
        if let Some(fields) = current.as_ref().and_then(|action| forms.get_mut(action)) {
            fields.extend(field(&tag));
        }
    }
    forms
}

/// Returns the name of a field, and the value of a button that has one.
fn field(tag: &Tag) -> Option<String> {
    let name = tag.value("name").filter(|name| !name.is_empty())?;
    match tag.name.as_str() {
        "button" => Some(format!("{name}={}", tag.value("value").unwrap_or_default())),
        "input" | "select" | "textarea" => Some(name.to_owned()),
        _ => None,
    }
}

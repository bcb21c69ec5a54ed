//! The page on which a user allows a client what it asks for, and the words for that.

use std::{collections::BTreeMap, time::Duration};

use minijinja::{Value, context};
use rolecall_core::TenantName;

use super::languages::{Argument, Language, Languages};
use crate::{
    app::App,
    clients::{redirect, store::GrantType},
    consents::service::EVERYTHING,
    login::flow::step::Shown,
    tokens::identity::IdentityScope,
};

/// Returns what the page shows to a user; `stays` is true if their browser session outlasts the browser, and `asked` has the
/// permissions and roles that the client asks for, `None` for all.
pub(super) fn values(
    app: &App,
    language: Language,
    shown: &Shown,
    (username, stays): (&str, bool),
    asked: Option<&[String]>,
) -> Value {
    let (uri, tenant) = (&shown.flow.request.redirect_uri, &shown.flow.request.tenant);
    context! {
        client => shown.client.as_ref().map_or("", |client| client.name.as_str()),
        host => redirect::shown_host(uri),
        is_shared => redirect::is_shared(uri),
        flow => shown.flow.id.as_str(),
        username => username,
        resource => shown.resource.as_deref().unwrap_or_default(),
        tenant => tenant.as_ref().map_or("", TenantName::as_str),
        scopes => scopes(&app.parts().look.languages, language, shown, asked),
        lasts => lasts(app, language, shown, stays),
    }
}

/// Returns what a client asks for, in words.
fn scopes(
    languages: &Languages,
    language: Language,
    shown: &Shown,
    asked: Option<&[String]>,
) -> Vec<Value> {
    let identity = shown.flow.request.asked_identity();
    let mut keys: Vec<&str> = identity.into_iter().map(key).collect();
    keys.dedup();
    if asked.is_none() {
        keys.push(ALL);
    }
    let keys = keys.into_iter().map(|key| context! { key => key });
    let named = asked.unwrap_or_default().iter().map(|name| {
        let text = named(languages, language, name, &shown.descriptions);
        context! { key => "", name => name, text => text }
    });
    keys.chain(named).collect()
}

/// The key of the text for everything that a user may do.
const ALL: &str = "scope-all";

/// Returns the key of the text for a scope about the user.
const fn key(scope: IdentityScope) -> &'static str {
    match scope {
        IdentityScope::Openid => "scope-openid",
        IdentityScope::Profile => "scope-profile",
        IdentityScope::Email => "scope-email",
        IdentityScope::Phone => "scope-phone",
        IdentityScope::Address => "scope-address",
        IdentityScope::Roles | IdentityScope::Groups => "scope-roles",
        IdentityScope::OfflineAccess => "scope-offline",
    }
}

/// Returns any scope in words.
pub(super) fn in_words(
    languages: &Languages,
    language: Language,
    scope: &str,
    descriptions: &BTreeMap<String, String>,
) -> String {
    match IdentityScope::parse(scope) {
        Some(identity) => text(languages, language, key(identity), None),
        None if scope == EVERYTHING => text(languages, language, ALL, None),
        None => named(languages, language, scope, descriptions),
    }
}

/// Returns the words for a role or a permission: those of its maker, if there are any.
fn named(
    languages: &Languages,
    language: Language,
    scope: &str,
    descriptions: &BTreeMap<String, String>,
) -> String {
    match (descriptions.get(scope), scope.strip_prefix("role:")) {
        (Some(description), _) => description.clone(),
        (None, Some(role)) => {
            let name = ("name", Argument::Text(role.to_owned()));
            text(languages, language, "scope-role", Some(name))
        }
        (None, None) => scope.to_owned(),
    }
}

/// Returns for how long a client gets access. A token that it fetched just before the end works until it expires.
fn lasts(app: &App, language: Language, shown: &Shown, stays: bool) -> String {
    let settings = app.settings();
    let (sessions, browser) = (&settings.sessions, &settings.browser);
    let grants = shown.client.as_ref().map(|client| &client.grants);
    let may_refresh = grants.is_some_and(|grants| grants.contains(&GrantType::RefreshToken));
    let is_offline = shown.flow.request.has(IdentityScope::OfflineAccess);
    let (key, longest, idle) = match (may_refresh, is_offline) {
        (false, _) => ("consent-lasts-once", settings.access_ttl, None),
        (true, true) => (
            "consent-lasts-offline",
            sessions.lifetime,
            Some(sessions.idle),
        ),
        (true, false) => (
            "consent-lasts",
            browser.lifetime(stays).min(sessions.lifetime),
            Some(browser.idle(stays).min(sessions.idle)),
        ),
    };
    let languages = &app.parts().look.languages;
    let with_time = |key: &str, duration: Duration| {
        let time = Argument::Text(time(languages, language, duration));
        text(languages, language, key, Some(("time", time)))
    };
    let mut sentences = vec![with_time(key, longest)];
    if let Some(idle) = idle.filter(|idle| *idle < longest) {
        sentences.push(with_time("consent-lasts-idle", idle));
    }
    sentences.join(" ")
}

/// Returns a duration in words, in its largest unit that leaves no rest.
fn time(languages: &Languages, language: Language, duration: Duration) -> String {
    const UNITS: [(&str, u64, u64); 3] = [
        // a single day is said in hours, which nobody takes for midnight
        ("time-days", 24 * 3600, 2),
        ("time-hours", 3600, 1),
        ("time-minutes", 60, 1),
    ];
    let seconds = duration.as_secs();
    let found = UNITS
        .iter()
        .copied()
        .find(|(_, unit, least)| seconds.is_multiple_of(*unit) && seconds / unit >= *least);
    let (key, unit, _) = found.unwrap_or(("time-seconds", 1, 1));
    let count = i64::try_from(seconds / unit).unwrap_or(i64::MAX);
    let count = ("count", Argument::Number(count));
    text(languages, language, key, Some(count))
}

fn text(
    languages: &Languages,
    language: Language,
    key: &str,
    argument: Option<(&str, Argument)>,
) -> String {
    let words = languages.words(language, key, argument);
    words.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_in_the_words_of_each_language_by_table() {
        let languages = Languages::new(Vec::new());
        let descriptions = [
            ("items:read", "see items"),
            ("role:clerk", "a clerk's work"),
        ];
        let owned = descriptions.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let descriptions = BTreeMap::from(owned);
        for (accepted, scope, expected) in [
            ("en", "openid", "to know that it is you"),
            ("en", "*", "to do everything that you may do there"),
            ("en", "role:editor", "the role editor"),
            ("de", "role:editor", "die Rolle editor"),
            ("en", "role:clerk", "a clerk's work"),
            ("de", "items:read", "see items"),
            ("en", "items:write", "items:write"),
        ] {
            let language = languages.choose(None, None, accepted);
            let words = in_words(&languages, language, scope, &descriptions);
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn a_duration_in_the_words_of_each_language_by_table() {
        let languages = Languages::new(Vec::new());
        for (accepted, seconds, expected) in [
            ("en", 30 * 24 * 3600, "30 days"),
            ("en", 24 * 3600, "24 hours"),
            ("en", 3600, "one hour"),
            ("en", 36 * 3600, "36 hours"),
            ("en", 90 * 60, "90 minutes"),
            ("en", 61, "61 seconds"),
            ("de", 14 * 24 * 3600, "14 Tagen"),
            ("de", 3600, "einer Stunde"),
            ("de", 60, "einer Minute"),
        ] {
            let language = languages.choose(None, None, accepted);
            let words = time(&languages, language, Duration::from_secs(seconds));
            assert_eq!(words, expected);
        }
    }
}

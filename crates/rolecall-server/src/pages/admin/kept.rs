//! What somebody has entered in a form, kept over a sign-in that comes between: the sign-in leads back to the page of the
//! form, whose address has the values. They only fill the form, and nothing of them is saved before it is sent again.
//!
//! Anybody can write such an address, and send it to an administrator. So a cookie knows the one that this browser has
//! entered, and no other fills a form of something that is stored.

use std::time::Duration;

use axum::response::Response;
use http::header::SET_COOKIE;

use super::{
    super::{
        assets,
        submitted::{Browser, Submitted},
    },
    links::link,
};
use crate::{
    app::App,
    http::cookies::{Cookie, CookieJar},
};

/// The time that a sign-in can take.
const LIFETIME: Duration = Duration::from_mins(30);

/// The longest address to which a sign-in comes back: proxies and browsers take that much.
pub(super) const LONGEST: usize = 6_000;

/// The fields that are kept, by the paths of the pages. A secret is never among them: an address is kept by browsers and
/// servers. What only confirms an action is not kept either.
const KEPT: &[(&[&str], &[&str])] = &[
    (
        &["/admin/users/new"],
        &["username", "email", "role", "tenant", "way"],
    ),
    (&["/admin/users/{id}/edit"], &["username", "email", "seen"]),
    (
        &["/admin/users/bulk"],
        &["action", "role", "tenant", "until", "reason", "user"],
    ),
    (
        &["/admin/users/{id}/assign", "/admin/clients/{id}/assign"],
        &["role", "tenant", "from", "until", "reason"],
    ),
    (
        &["/admin/users/{id}/unassign", "/admin/clients/{id}/unassign"],
        &["role", "tenant"],
    ),
    (&["/admin/users/{id}/sessions"], &["session", "browser"]),
    (&["/admin/users/{id}/factors"], &["factor"]),
    (
        &["/admin/roles/new", "/admin/roles/{role}/edit"],
        &["name", "description", "approval", "by_name", "acr", "seen"],
    ),
    (&["/admin/roles/{role}/contents"], &["permission", "junior"]),
    (&["/admin/permissions"], &["name", "description"]),
    (&["/admin/matrix"], &["object"]),
    (
        &["/admin/matrix/preview"],
        &["tag", "object", "grant", "revoke"],
    ),
    (
        &["/admin/constraints", "/admin/constraints/{constraint}"],
        &["name", "kind", "per", "roles", "at_most", "seen"],
    ),
    (&["/admin/requests"], &["user", "role", "until", "reason"]),
    (&["/admin/policy"], &["document"]),
    (
        &["/admin/clients/new", "/admin/clients/{id}/edit"],
        // all but the secret that an application brings with it
        &[
            "preset",
            "address",
            "name",
            "kind",
            "public",
            "grants",
            "redirect_uris",
            "post_logout_redirect_uris",
            "backchannel_logout_uri",
            "initiate_login_uri",
            "scope",
            "audiences",
            "consent",
            "pkce",
            "acr",
            "tenant",
            "who",
            "id_token_alg",
            "claims_in_id_token",
            "roles",
            "client_id",
            "seen",
        ],
    ),
    (&["/admin/clients/{id}/secret"], &["overlap"]),
    (
        &["/admin/resources/new", "/admin/resources/{id}"],
        &["uri", "name", "objects", "default_scope", "dynamic", "seen"],
    ),
    (&["/admin/keys/rotate"], &["force"]),
    (&["/admin/mail"], &["address"]),
    (&["/admin/audit/verify"], &["mark"]),
];

/// Returns the address to which a sign-in comes back: that of the request, `asked`, or for a form of `page` its path with
/// what was entered.
pub(super) fn address(page: &str, asked: &str, entered: Option<&Submitted>) -> String {
    let Some(entered) = entered else {
        return asked.to_owned();
    };
    let rows = KEPT.iter().filter(|(paths, _)| paths.contains(&page));
    let names = rows.flat_map(|(_, names)| names.iter().copied());
    let members: Vec<(&str, &str)> = names
        .flat_map(|name| {
            let values = entered.all(name).into_iter();
            let is_kept = |value: &&str| !value.is_empty() && !value.contains('\0');
            values.filter(is_kept).map(move |value| (name, value))
        })
        .collect();
    // the mark alone is that of a form that only confirms something
    if members.iter().all(|(name, _)| *name == "seen") {
        return asked.to_owned();
    }
    let path = asked.split('?').next().unwrap_or_default();
    let address = link(path, &members);
    if address.len() > LONGEST {
        asked.to_owned()
    } else {
        address
    }
}

/// Lets the browser know the address that has what it has entered.
pub(super) fn remember(app: &App, address: &str, mut response: Response) -> Response {
    let jar = CookieJar::of(&app.settings().public_url);
    let mark = assets::version(address.as_bytes());
    if let Some(cookie) = jar.set(Cookie::KeptForm, &mark, Some(LIFETIME)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Returns true if an address has what this browser has entered.
pub(super) fn is_remembered(app: &App, browser: &Browser, address: &str) -> bool {
    browser.kept_form(app) == Some(assets::version(address.as_bytes()).as_str())
}

#[cfg(test)]
mod tests {
    use super::{super::routes::PAGES, *};

    #[test]
    fn what_was_entered_is_kept_but_for_secrets_and_confirmations() {
        let entered = Submitted::parse(
            b"seen=m&name=a+%26+b&grants=password&grants=refresh_token&client_secret=hidden&nul=%00&scope=%00",
        );
        let address_of = |page: &str, asked: &str| address(page, asked, Some(&entered));
        assert_eq!(
            address_of("/admin/clients/{id}/edit", "/admin/clients/x/edit?old=1"),
            "/admin/clients/x/edit?name=a+%26+b&grants=password&grants=refresh_token&seen=m"
        );
        let asked = "/admin/users/x/delete?a=b";
        assert_eq!(address_of("/admin/users/{id}/delete", asked), asked);
        assert_eq!(
            address("/admin/roles/new", "/admin/roles/new", None),
            "/admin/roles/new"
        );
        let confirms = Submitted::parse(b"seen=m&confirm=yes&step=delete");
        let asked = "/admin/constraints/x";
        assert_eq!(
            address("/admin/constraints/{constraint}", asked, Some(&confirms)),
            asked
        );
    }

    #[test]
    fn a_form_that_is_too_long_for_an_address_is_not_kept() {
        let long = format!("document={}", "x".repeat(LONGEST));
        let entered = Submitted::parse(long.as_bytes());
        assert_eq!(
            address("/admin/policy", "/admin/policy", Some(&entered)),
            "/admin/policy"
        );
    }

    #[test]
    fn only_pages_that_exist_keep_something_and_none_keeps_a_secret() {
        for (paths, names) in KEPT {
            for path in *paths {
                assert!(PAGES.iter().any(|page| page.path == *path), "{path}");
            }
            for name in *names {
                let is_secret = ["secret", "password", "code", "confirm", "step"]
                    .iter()
                    .any(|word| name.contains(word));
                assert!(!is_secret, "{name}");
            }
        }
    }
}

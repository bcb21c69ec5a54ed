//! The pages that people see. They call services only, work without script, and load nothing from other hosts.

mod accepted;
pub(crate) mod account;
pub(crate) mod address;
pub(crate) mod admin;
mod agents;
mod answers;
mod assets;
mod brand;
mod choice;
mod consent;
mod enrolment;
mod factor_samples;
pub(crate) mod factors;
pub(crate) mod fault;
mod files;
mod folder;
mod font;
mod forms;
pub(crate) mod handlers;
pub(crate) mod invite;
mod languages;
mod locales;
pub(crate) mod logout;
pub(crate) mod look;
pub(crate) mod mail_code;
mod mail_kinds;
pub(crate) mod mails;
mod markup;
pub(crate) mod own;
pub(crate) mod owner;
pub(crate) mod passkeys;
mod reasons;
mod refusals;
mod render;
pub(crate) mod reset;
mod sample_values;
mod samples;
pub(crate) mod second;
pub(crate) mod sign_up;
mod steps;
mod submitted;
mod templates;
mod trial;
pub(crate) mod verify;
mod wished;

use rolecall::RouteAccess;

pub(crate) use submitted::{OwnForms, preferred_language, read_form_early};

/// The paths of the pages where it is not known below which prefix they are.
pub(crate) const PATHS: [&str; 38] = [
    "/account",
    "/account/address",
    "/account/delete",
    "/account/end",
    "/account/events",
    "/account/export",
    "/account/factors",
    "/account/factors/add",
    "/account/factors/codes",
    "/account/factors/confirm",
    "/account/factors/passkey",
    "/account/factors/passkey/confirm",
    "/account/factors/remove",
    "/account/factors/rename",
    "/account/password",
    "/account/profile",
    "/account/withdraw",
    "/authorize",
    "/consent",
    "/invite",
    "/login",
    "/login/choice",
    "/login/code",
    "/login/code/send",
    "/login/continue",
    "/login/enrol",
    "/login/enrol/passkey",
    "/login/other",
    "/login/passkey",
    "/login/password",
    "/login/second",
    "/login/verify",
    "/login/verify/send",
    "/logout",
    "/reset",
    "/reset/password",
    "/signup",
    "/verify",
];

/// Returns [`PATHS`] with the pages for administrators. A path that ends with a slash stands for all below it.
pub(crate) fn known_paths() -> Vec<String> {
    let others = ["/admin", "/admin/"];
    PATHS.into_iter().chain(others).map(str::to_owned).collect()
}

/// Returns the paths that browsers show, and no script of another origin calls, below whatever prefix the routes are. A path
/// that ends with a slash stands for all below it.
pub(crate) fn paths(routes: &[RouteAccess]) -> Vec<String> {
    let folder = concat!(module_path!(), "::");
    let is_page = |route: &&RouteAccess| route.handler.starts_with(folder);
    let pages = routes.iter().filter(is_page);
    // the files of the pages contain parameters
    let fixed = pages.filter(|route| !route.path.contains('{'));
    let mut paths: Vec<String> = fixed.map(|route| route.path.clone()).collect();
    // those for administrators too, and nothing else is below their first page
    let first = admin::routes::PAGES.first().map_or("", |page| page.path);
    let below = paths.iter().filter(|path| path.ends_with(first));
    let below: Vec<String> = below.map(|path| format!("{path}/")).collect();
    paths.extend(below);
    paths
}

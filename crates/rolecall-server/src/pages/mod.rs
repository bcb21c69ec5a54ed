//! The pages that people see. They call services only, work without script, and load nothing from other hosts.

pub(crate) mod account;
pub(crate) mod address;
mod answers;
mod assets;
mod brand;
mod choice;
mod enrolment;
pub(crate) mod factors;
pub(crate) mod fault;
mod files;
mod folder;
mod font;
pub(crate) mod handlers;
pub(crate) mod invite;
mod languages;
mod locales;
pub(crate) mod logout;
pub(crate) mod look;
pub(crate) mod mails;
mod markup;
pub(crate) mod own;
mod render;
pub(crate) mod reset;
mod samples;
pub(crate) mod second;
mod steps;
mod submitted;
mod templates;
mod trial;
pub(crate) mod verify;

pub(crate) use submitted::refuse_foreign;

/// The paths that browsers show, and no script of another origin calls.
pub(crate) const PATHS: [&str; 24] = [
    "/authorize",
    "/login",
    "/login/continue",
    "/login/other",
    "/login/password",
    "/login/choice",
    "/login/second",
    "/login/enrol",
    "/consent",
    "/logout",
    "/account",
    "/account/end",
    "/account/withdraw",
    "/reset",
    "/reset/password",
    "/verify",
    "/invite",
    "/account/address",
    "/account/factors",
    "/account/factors/add",
    "/account/factors/confirm",
    "/account/factors/rename",
    "/account/factors/remove",
    "/account/factors/codes",
];

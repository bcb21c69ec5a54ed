//! Clients: the list, the page of one, and the secret that is shown once.

use minijinja::Value;
use serde::Serialize;

use super::{
    super::super::sample_values::TEXT,
    Time,
    user::{Assignment, Happened},
    value,
};

/// The list.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Clients {
    pub(crate) may_create: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) presets: Vec<PresetLink>,
}

/// A client in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) name: String,
    /// The key of the kind.
    pub(crate) kind: &'static str,
    pub(crate) is_public: bool,
    pub(crate) grants: Vec<String>,
    /// Who may sign in; empty for everybody.
    pub(crate) who: Vec<String>,
    pub(crate) signs_in: bool,
    /// Roles of the client itself.
    pub(crate) roles: Vec<String>,
}

/// A program that many people register, by its name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PresetLink {
    pub(crate) href: String,
    pub(crate) name: &'static str,
}

/// What to enter in another program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Paste {
    pub(crate) name: &'static str,
    /// The key of the text that says where.
    pub(crate) place: &'static str,
    pub(crate) text: String,
}

/// A value to copy.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Setting {
    /// The name that other programs have for it.
    pub(crate) name: &'static str,
    pub(crate) values: Vec<String>,
}

/// The page of a client.
#[derive(Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the page shows or leaves out"
)]
pub(crate) struct ClientPage {
    pub(crate) name: String,
    pub(crate) path: String,
    /// The key of the kind.
    pub(crate) kind: &'static str,
    pub(crate) is_public: bool,
    pub(crate) may_write: bool,
    pub(crate) may_assign: bool,
    pub(crate) sees_roles: bool,
    pub(crate) sees_assignments: bool,
    pub(crate) sees_events: bool,
    pub(crate) settings: Vec<Setting>,
    pub(crate) paste: Option<Paste>,
    pub(crate) presets: Vec<PresetLink>,
    pub(crate) signs_in: Option<SignsIn>,
    pub(crate) grants: Vec<String>,
    pub(crate) scope: String,
    pub(crate) audiences: Vec<String>,
    /// The end of the secret before the present one, while it still works.
    pub(crate) previous_until: Option<Time>,
    /// Roles of the client itself, for those who may not see its assignments.
    pub(crate) roles: Vec<String>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) events: Vec<Happened>,
    pub(crate) older_events: String,
    pub(crate) created: Option<Time>,
    pub(crate) updated: Option<Time>,
}

/// How people sign in through a client.
#[derive(Debug, Serialize)]
pub(crate) struct SignsIn {
    /// The roles of which somebody needs one; empty for everybody.
    pub(crate) who: Vec<String>,
    /// The name of the tenant, or `ask`; empty for none.
    pub(crate) tenant: String,
    pub(crate) acr: &'static str,
    pub(crate) consent: &'static str,
    pub(crate) pkce: &'static str,
    pub(crate) id_token_alg: &'static str,
    pub(crate) claims_in_id_token: bool,
    pub(crate) backchannel_logout_uri: String,
    pub(crate) initiate_login_uri: String,
}

/// A secret that is shown once, with what to enter in the other program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClientSecret {
    /// The key of the heading.
    pub(crate) title: &'static str,
    pub(crate) name: String,
    /// Empty for one that the client brought along.
    pub(crate) secret: String,
    /// The end of the secret before, if it still works.
    pub(crate) previous_until: Option<Time>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) paste: Option<Paste>,
    pub(crate) next: String,
}

/// The form for a new secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SecretForm {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) previous_until: Option<Time>,
    /// The hours that are chosen; the first of the list for any other text.
    pub(crate) overlap: String,
}

/// The headings of the page with a secret.
pub(crate) const SECRETS: [&str; 2] = ["admin-client-created", "admin-client-new-secret"];

/// The kinds of clients.
pub(crate) const KINDS: [&str; 4] = [
    "admin-kind-web",
    "admin-kind-native",
    "admin-kind-browser",
    "admin-kind-none",
];

fn texts() -> Vec<String> {
    vec![TEXT.to_owned(), TEXT.to_owned()]
}

fn links() -> Vec<PresetLink> {
    vec![PresetLink {
        href: "/admin/clients/new?preset=grafana".to_owned(),
        name: TEXT,
    }]
}

fn paste() -> Paste {
    Paste {
        name: TEXT,
        place: "admin-paste-grafana",
        text: TEXT.to_owned(),
    }
}

fn settings() -> Vec<Setting> {
    vec![Setting {
        name: "redirect_uri",
        values: texts(),
    }]
}

/// Samples of the list.
pub(in super::super) fn samples() -> Vec<Value> {
    let rows = KINDS.map(|kind| Row {
        href: "/admin/clients/x".to_owned(),
        name: TEXT.to_owned(),
        kind,
        is_public: kind != "admin-kind-web",
        grants: texts(),
        who: if kind == "admin-kind-web" {
            texts()
        } else {
            Vec::new()
        },
        signs_in: kind != "admin-kind-none",
        roles: texts(),
    });
    let full = Clients {
        may_create: true,
        rows: rows.into_iter().collect(),
        first: "/admin/clients".to_owned(),
        next: "/admin/clients?after=x".to_owned(),
        presets: links(),
    };
    let empty = Clients {
        may_create: true,
        presets: links(),
        ..Clients::default()
    };
    [full, empty, Clients::default()]
        .iter()
        .map(value)
        .collect()
}

fn signs_in(tenant: &str, consent: &'static str) -> SignsIn {
    SignsIn {
        who: if tenant.is_empty() {
            Vec::new()
        } else {
            texts()
        },
        tenant: tenant.to_owned(),
        acr: if consent == "ask" { "aal1" } else { "aal2" },
        consent,
        pkce: if consent == "ask" {
            "required"
        } else {
            "optional"
        },
        id_token_alg: "RS256",
        claims_in_id_token: !tenant.is_empty(),
        backchannel_logout_uri: tenant.to_owned(),
        initiate_login_uri: tenant.to_owned(),
    }
}

/// Samples of the page of one.
pub(in super::super) fn pages() -> Vec<Value> {
    let page = |kind, signs_in| ClientPage {
        name: TEXT.to_owned(),
        path: "/admin/clients/x".to_owned(),
        kind,
        may_write: true,
        may_assign: true,
        sees_roles: true,
        sees_assignments: true,
        sees_events: true,
        settings: settings(),
        paste: Some(paste()),
        presets: links(),
        signs_in,
        grants: texts(),
        scope: TEXT.to_owned(),
        audiences: texts(),
        previous_until: Some(Time::sample()),
        assignments: super::user::assignments(),
        events: vec![Happened {
            kind: TEXT.to_owned(),
            address: TEXT.to_owned(),
            at: Time::sample(),
        }],
        older_events: "/admin/clients/x?events=x#events".to_owned(),
        created: Some(Time::sample()),
        updated: Some(Time::sample()),
        ..ClientPage::default()
    };
    let full = page("admin-kind-web", Some(signs_in(TEXT, "skip")));
    let asks = page("admin-kind-native", Some(signs_in("ask", "ask")));
    let hidden = ClientPage {
        name: TEXT.to_owned(),
        kind: "admin-kind-browser",
        is_public: true,
        signs_in: Some(signs_in("", "ask")),
        roles: texts(),
        ..ClientPage::default()
    };
    let bare = ClientPage {
        kind: "admin-kind-none",
        may_write: true,
        may_assign: true,
        sees_assignments: true,
        sees_events: true,
        ..ClientPage::default()
    };
    [full, asks, hidden, bare].iter().map(value).collect()
}

/// Samples of the page with a secret.
pub(in super::super) fn secrets() -> Vec<Value> {
    let full = SECRETS.map(|title| ClientSecret {
        title,
        name: TEXT.to_owned(),
        secret: TEXT.to_owned(),
        previous_until: Some(Time::sample()),
        settings: settings(),
        paste: Some(paste()),
        next: "/admin/clients/x".to_owned(),
    });
    let kept = ClientSecret {
        secret: String::new(),
        previous_until: None,
        settings: Vec::new(),
        paste: None,
        ..full[0].clone()
    };
    full.iter().chain([&kept]).map(value).collect()
}

/// Samples of the form for a new secret.
pub(in super::super) fn secret_forms() -> Vec<Value> {
    let both = SecretForm {
        name: TEXT.to_owned(),
        path: "/admin/clients/x".to_owned(),
        previous_until: Some(Time::sample()),
        overlap: "168".to_owned(),
    };
    let one = SecretForm {
        previous_until: None,
        overlap: String::new(),
        ..both.clone()
    };
    [both, one].iter().map(value).collect()
}

//! The form of a client.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, clients::PresetLink, value};

/// The form that registers or changes a client.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is ticked, and what the form shows or leaves out"
)]
pub(crate) struct ClientForm {
    pub(crate) is_new: bool,
    /// The path of the form.
    pub(crate) action: String,
    pub(crate) back: String,
    /// The programs to choose from, for a new client.
    pub(crate) presets: Vec<PresetLink>,
    /// The program for which the form is filled in; empty for none.
    pub(crate) preset: String,
    pub(crate) preset_name: &'static str,
    /// The address of that program.
    pub(crate) address: String,
    pub(crate) name: String,
    /// `web`, `native`, `browser`, or empty for a client that signs nobody in on the pages.
    pub(crate) kind: String,
    pub(crate) is_public: bool,
    /// The grant `refresh_token`.
    pub(crate) refreshes: bool,
    /// The grant `client_credentials`.
    pub(crate) acts: bool,
    /// The grant `password`.
    pub(crate) has_own_form: bool,
    /// One in a line, as all lists.
    pub(crate) redirect_uris: String,
    pub(crate) post_logout_redirect_uris: String,
    pub(crate) backchannel_logout_uri: String,
    pub(crate) initiate_login_uri: String,
    pub(crate) scope: String,
    pub(crate) audiences: String,
    pub(crate) consent: String,
    pub(crate) pkce: String,
    pub(crate) acr: String,
    pub(crate) tenant: String,
    pub(crate) who: String,
    pub(crate) id_token_alg: String,
    pub(crate) claims_in_id_token: bool,
    /// Roles of the client itself, for a new one.
    pub(crate) roles: String,
    /// The id that a new client keeps from another system.
    pub(crate) client_id: String,
    pub(crate) may_assign: bool,
}

impl ClientForm {
    /// Returns the form of a client with the defaults of the API.
    pub(crate) fn new() -> Self {
        Self {
            kind: "web".to_owned(),
            refreshes: true,
            consent: "ask".to_owned(),
            pkce: "required".to_owned(),
            acr: "aal1".to_owned(),
            id_token_alg: "RS256".to_owned(),
            ..Self::default()
        }
    }
}

/// Samples of the form.
pub(in super::super) fn samples() -> Vec<Value> {
    let text = || TEXT.to_owned();
    let full = ClientForm {
        is_new: true,
        action: "/admin/clients/new".to_owned(),
        back: "/admin/clients".to_owned(),
        presets: vec![PresetLink {
            href: "/admin/clients/new?preset=grafana".to_owned(),
            name: TEXT,
        }],
        preset: text(),
        preset_name: TEXT,
        address: text(),
        name: text(),
        kind: "native".to_owned(),
        is_public: true,
        refreshes: true,
        acts: true,
        has_own_form: true,
        redirect_uris: text(),
        post_logout_redirect_uris: text(),
        backchannel_logout_uri: text(),
        initiate_login_uri: text(),
        scope: text(),
        audiences: text(),
        consent: "skip".to_owned(),
        pkce: "optional".to_owned(),
        acr: "aal2".to_owned(),
        tenant: text(),
        who: text(),
        id_token_alg: "EdDSA".to_owned(),
        claims_in_id_token: true,
        roles: text(),
        client_id: text(),
        may_assign: true,
    };
    let edit = ClientForm {
        is_new: false,
        kind: String::new(),
        preset: String::new(),
        presets: Vec::new(),
        ..full.clone()
    };
    let empty = ClientForm {
        is_new: true,
        ..ClientForm::new()
    };
    [full, edit, empty].iter().map(value).collect()
}

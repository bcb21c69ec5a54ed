//! Programs that many people register as a client: what their form holds at first, and what to enter in them afterwards.

use serde_json::Value;

use super::{
    links::link,
    views::{
        client_form::ClientForm,
        clients::{Paste, PresetLink, Setting},
    },
};
use crate::{
    app::App,
    clients::{sign_in::Application, store::Client},
    error::ApiError,
    oauth::metadata,
};

/// A program.
pub(super) struct Preset {
    /// Its name in addresses.
    pub(super) word: &'static str,
    pub(super) name: &'static str,
    application: Application,
    /// An address as the program could have it.
    address: &'static str,
    /// Where answers are sent; `{address}` stands for the address.
    redirect_uris: &'static [&'static str],
    post_logout_redirect_uris: &'static [&'static str],
    backchannel_logout_uri: &'static str,
    /// Its tokens are for its own address.
    is_audience: bool,
    /// It reads claims from the ID token alone.
    claims_in_id_token: bool,
    /// The key of the text that says where the settings go.
    place: &'static str,
    /// The settings, with the names of values in braces.
    settings: &'static str,
}

/// All programs.
pub(super) static PRESETS: [Preset; 7] = [
    Preset {
        word: "fastapi",
        name: "FastAPI",
        application: Application::Web,
        address: "https://app.example.com",
        redirect_uris: &["{address}/callback"],
        post_logout_redirect_uris: &["{address}/logged-out"],
        backchannel_logout_uri: "",
        is_audience: false,
        claims_in_id_token: false,
        place: "admin-paste-fastapi",
        settings: "ISSUER={issuer}\nCLIENT_ID={client_id}\nCLIENT_SECRET={client_secret}\nURL={address}\n",
    },
    Preset {
        word: "grafana",
        name: "Grafana",
        application: Application::Web,
        address: "https://grafana.example.com",
        redirect_uris: &["{address}/login/generic_oauth"],
        post_logout_redirect_uris: &["{address}/login"],
        backchannel_logout_uri: "",
        is_audience: false,
        claims_in_id_token: false,
        place: "admin-paste-grafana",
        settings: "[auth.generic_oauth]\nenabled = true\nname = rolecall\nclient_id = {client_id}\n\
            client_secret = {client_secret}\nscopes = openid profile email roles\nauth_url = {authorization_endpoint}\n\
            token_url = {token_endpoint}\napi_url = {userinfo_endpoint}\nuse_pkce = true\n\
            role_attribute_path = contains(roles[*], 'grafana-admin') && 'Admin' || 'Viewer'\n",
    },
    Preset {
        word: "oauth2-proxy",
        name: "oauth2-proxy",
        application: Application::Web,
        address: "https://app.example.com",
        redirect_uris: &["{address}/oauth2/callback"],
        post_logout_redirect_uris: &[],
        backchannel_logout_uri: "",
        is_audience: false,
        claims_in_id_token: true,
        place: "admin-paste-oauth2-proxy",
        settings: "provider = \"oidc\"\noidc_issuer_url = \"{issuer}\"\nclient_id = \"{client_id}\"\n\
            client_secret = \"{client_secret}\"\nredirect_url = \"{redirect_uri}\"\nscope = \"openid profile email\"\n\
            code_challenge_method = \"S256\"\nemail_domains = [\"*\"]\n",
    },
    Preset {
        word: "kubernetes",
        name: "Kubernetes",
        application: Application::Native,
        address: "http://localhost:8000",
        redirect_uris: &["{address}"],
        post_logout_redirect_uris: &[],
        backchannel_logout_uri: "",
        is_audience: false,
        claims_in_id_token: true,
        place: "admin-paste-kubernetes",
        settings: "kube-apiserver --oidc-issuer-url={issuer} --oidc-client-id={client_id} \
            --oidc-username-claim=sub --oidc-groups-claim=groups\n\n\
            kubectl config set-credentials rolecall --exec-api-version=client.authentication.k8s.io/v1 \
            --exec-interactive-mode=Never --exec-command=kubectl --exec-arg=oidc-login --exec-arg=get-token \
            --exec-arg=--oidc-issuer-url={issuer} --exec-arg=--oidc-client-id={client_id} \
            --exec-arg=--oidc-extra-scope=profile --exec-arg=--oidc-extra-scope=groups\n",
    },
    Preset {
        word: "nextcloud",
        name: "Nextcloud",
        application: Application::Web,
        address: "https://cloud.example.com",
        redirect_uris: &[
            "{address}/apps/user_oidc/code",
            "{address}/index.php/apps/user_oidc/code",
        ],
        post_logout_redirect_uris: &["{address}/"],
        backchannel_logout_uri: "{address}/apps/user_oidc/backchannel-logout/rolecall",
        is_audience: false,
        claims_in_id_token: true,
        place: "admin-paste-nextcloud",
        settings: "php occ user_oidc:provider rolecall --clientid={client_id} --clientsecret={client_secret} \
            --discoveryuri={discovery} --scope='openid profile email' --mapping-uid=sub\n",
    },
    Preset {
        word: "gitlab",
        name: "GitLab",
        application: Application::Web,
        address: "https://gitlab.example.com",
        redirect_uris: &["{address}/users/auth/openid_connect/callback"],
        post_logout_redirect_uris: &["{address}/"],
        backchannel_logout_uri: "",
        is_audience: false,
        claims_in_id_token: false,
        place: "admin-paste-gitlab",
        settings: "gitlab_rails['omniauth_providers'] = [{\n  name: \"openid_connect\",\n  label: \"rolecall\",\n  args: {\n    \
            name: \"openid_connect\",\n    scope: [\"openid\", \"profile\", \"email\"],\n    response_type: \"code\",\n    \
            issuer: \"{issuer}\",\n    discovery: true,\n    client_auth_method: \"basic\",\n    uid_field: \"sub\",\n    \
            pkce: true,\n    client_options: {\n      identifier: \"{client_id}\",\n      secret: \"{client_secret}\",\n      \
            redirect_uri: \"{redirect_uri}\"\n    }\n  }\n}]\n",
    },
    Preset {
        word: "mcp",
        name: "MCP",
        application: Application::Native,
        address: "https://mcp.example.com/mcp",
        redirect_uris: &["http://127.0.0.1/callback", "http://localhost/callback"],
        post_logout_redirect_uris: &[],
        backchannel_logout_uri: "",
        is_audience: true,
        claims_in_id_token: false,
        place: "admin-paste-mcp",
        settings: "{\n  \"resource\": \"{audience}\",\n  \"authorization_servers\": [\"{issuer}\"],\n  \
            \"bearer_methods_supported\": [\"header\"]\n}\n",
    },
];

/// Returns the program that an address names.
pub(super) fn named(word: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.word == word)
}

/// Returns a link to each program on a page.
pub(super) fn links(path: &str) -> Vec<PresetLink> {
    let one = |preset: &Preset| PresetLink {
        href: link(path, &[("preset", preset.word)]),
        name: preset.name,
    };
    PRESETS.iter().map(one).collect()
}

impl Preset {
    /// Returns what the form of a new client holds at first. Without an address, it is filled in for an example.
    pub(super) fn form(&self, address: &str) -> ClientForm {
        let address = match address.trim().trim_end_matches('/') {
            "" => self.address,
            address => address,
        };
        let at = |uri: &&str| uri.replace("{address}", address);
        let lines = |uris: &[&str]| uris.iter().map(at).collect::<Vec<_>>().join("\n");
        ClientForm {
            preset: self.word.to_owned(),
            preset_name: self.name,
            address: address.to_owned(),
            name: self.name.to_owned(),
            kind: self.application.as_str().to_owned(),
            refreshes: true,
            redirect_uris: lines(self.redirect_uris),
            post_logout_redirect_uris: lines(self.post_logout_redirect_uris),
            backchannel_logout_uri: at(&self.backchannel_logout_uri),
            audiences: if self.is_audience {
                address.to_owned()
            } else {
                String::new()
            },
            claims_in_id_token: self.claims_in_id_token,
            ..ClientForm::new()
        }
    }

    /// Returns what to enter in the program for a client that is registered.
    pub(super) fn paste(&self, client: &Client, server: &Endpoints) -> Paste {
        let redirect = client.redirect_uris.first().map_or("", String::as_str);
        let address = self.redirect_uris.first().and_then(|uri| {
            let path = uri.strip_prefix("{address}")?;
            redirect.strip_suffix(path)
        });
        let audience = client
            .audiences
            .first()
            .map_or(self.address, String::as_str);
        let mut text = self.settings.to_owned();
        for (name, value) in [
            ("client_id", client.id.as_str()),
            ("client_secret", "CLIENT_SECRET"),
            ("redirect_uri", redirect),
            ("address", address.unwrap_or(self.address)),
            ("audience", audience),
        ] {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        for (name, value) in &server.0 {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        Paste {
            name: self.name,
            place: self.place,
            text,
        }
    }
}

/// The addresses of the server that other programs ask for, by the names of its metadata.
pub(super) struct Endpoints(Vec<(&'static str, String)>);

/// The addresses that are shown, in this order.
const SHOWN: [&str; 6] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
    "jwks_uri",
];

impl Endpoints {
    /// Reads them from the metadata of the server.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub(super) async fn of(app: &App) -> Result<Self, ApiError> {
        let document = metadata::document(app).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let mut all = Vec::new();
        for name in SHOWN {
            let Some(value) = text(name) else {
                continue;
            };
            all.push((name, value.to_owned()));
            if name == "issuer" {
                let issuer = value.trim_end_matches('/');
                let discovery = format!("{issuer}/.well-known/openid-configuration");
                all.push(("discovery", discovery));
            }
        }
        Ok(Self(all))
    }

    /// Returns what to copy for a client: it signs people in, or only gets tokens.
    pub(super) fn settings(&self, client: &Client) -> Vec<Setting> {
        let signs_in = client.application.is_some();
        let of_sign_in = [
            "authorization_endpoint",
            "userinfo_endpoint",
            "end_session_endpoint",
        ];
        let shown = |name: &&'static str| signs_in || !of_sign_in.contains(name);
        let own = [
            ("client_id", vec![client.id.clone()]),
            ("redirect_uri", client.redirect_uris.clone()),
            (
                "post_logout_redirect_uri",
                client.sign_in.post_logout_redirect_uris.clone(),
            ),
        ];
        let server = self.0.iter().filter(|(name, _)| shown(name));
        let server = server.map(|(name, value)| (*name, vec![value.clone()]));
        let all = own.into_iter().chain(server);
        all.filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| Setting { name, values })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::redirect::{Registrant, may_register};

    fn endpoints() -> Endpoints {
        let at = |name: &'static str| (name, format!("https://login.example/{name}"));
        let names = SHOWN.into_iter().chain(["discovery"]);
        Endpoints(names.map(at).collect())
    }

    #[test]
    fn each_program_is_registered_with_addresses_that_it_may_have() {
        for preset in &PRESETS {
            let form = preset.form("");
            let registrant = Registrant {
                application: Some(preset.application),
                is_local: false,
            };
            let uris = form.redirect_uris.lines();
            for uri in uris.chain(form.post_logout_redirect_uris.lines()) {
                assert!(may_register(uri, registrant), "{}: {uri}", preset.word);
            }
            assert!(!form.redirect_uris.is_empty(), "{}", preset.word);
        }
    }

    #[test]
    fn the_address_of_the_program_is_in_all_that_is_derived_from_it() {
        let form = named("nextcloud").unwrap().form(" https://files.example/ ");
        assert_eq!(
            form.redirect_uris.lines().next(),
            Some("https://files.example/apps/user_oidc/code")
        );
        assert_eq!(
            form.backchannel_logout_uri,
            "https://files.example/apps/user_oidc/backchannel-logout/rolecall"
        );
        let form = named("mcp").unwrap().form("https://tools.example/mcp");
        assert_eq!(form.audiences, "https://tools.example/mcp");
    }

    #[test]
    fn what_to_enter_has_no_name_of_a_value_left_and_no_secret() {
        for preset in &PRESETS {
            let form = preset.form("https://app.example");
            let client = Client {
                id: "the-id".to_owned(),
                secret_hash: Some("the-hash".to_owned()),
                redirect_uris: form.redirect_uris.lines().map(str::to_owned).collect(),
                ..Client::sample()
            };
            let text = preset.paste(&client, &endpoints()).text;
            for name in [
                "client",
                "issuer",
                "discovery",
                "address",
                "redirect",
                "token",
            ] {
                assert!(!text.contains(&format!("{{{name}")), "{text}");
            }
            assert!(text.contains("login.example/"), "{text}");
            assert!(!text.contains("the-hash"), "{text}");
            assert_eq!(text.contains("the-id"), preset.word != "mcp", "{text}");
        }
        let fastapi = named("fastapi").unwrap();
        let client = Client {
            redirect_uris: vec!["https://shop.example/callback".to_owned()],
            ..Client::sample()
        };
        let text = fastapi.paste(&client, &endpoints()).text;
        assert!(text.contains("URL=https://shop.example\n"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_none() {
        for word in ["", "Grafana", "x"] {
            assert!(named(word).is_none(), "{word}");
        }
    }

    #[test]
    fn only_a_client_that_signs_people_in_is_shown_the_addresses_for_it() {
        let web = Client::sample();
        let machine = Client {
            application: None,
            ..Client::sample()
        };
        let names = |client: &Client| -> Vec<&'static str> {
            let settings = endpoints().settings(client);
            settings.iter().map(|one| one.name).collect()
        };
        assert!(names(&web).contains(&"authorization_endpoint"));
        assert!(!names(&machine).contains(&"authorization_endpoint"));
        for both in [names(&web), names(&machine)] {
            assert!(both.contains(&"client_id") && both.contains(&"token_endpoint"));
            assert!(!both.contains(&"redirect_uri"));
        }
    }
}

//! Registering a client, and changing one. Both need a fresh proof: whoever says where the answers of a sign-in go can act
//! as the people who sign in.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::RoleName;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    super::{answers::see_other, submitted::Submitted},
    clients::{PATH, path_of},
    faults::Faults,
    links::link,
    presets::{self, Endpoints},
    seen::{self, Seen},
    views::{client_form::ClientForm, clients::ClientSecret},
    visit::Visit,
};
use crate::{
    authority::may,
    clients::{
        changes::{Changes, SignInChanges},
        registration::ClientRegistration,
        service::{self, Brought},
        sign_in::{Application, SignIn},
        store::{Client, GrantType, Listed},
    },
    error::ApiError,
    patch::Patch,
    web::params::Segment,
};

/// What a handler has made, or what is wrong with its form.
type Made<T> = Result<Result<T, Faults>, ApiError>;

/// The form for a new client, filled in for a program (`preset`, `address`).
pub(crate) async fn get_new(_: Public, visit: Visit) -> Response {
    let made = async {
        visit.require_fresh().await?;
        let entered = &visit.query;
        let form = if entered.get("name").is_empty() {
            let preset = presets::named(entered.get("preset"));
            preset.map_or_else(ClientForm::new, |preset| {
                preset.form(entered.get("address"))
            })
        } else {
            form_of(entered)
        };
        Ok(show_new(&visit, form, &Faults::default()))
    };
    visit.answer(made.await).await
}

fn show_new(visit: &Visit, form: ClientForm, faults: &Faults) -> Response {
    let view = ClientForm {
        is_new: true,
        action: format!("{PATH}/new"),
        back: PATH.to_owned(),
        presets: presets::links(&format!("{PATH}/new")),
        may_assign: visit.may_globally(may::WriteAssignments::NAME),
        ..form
    };
    visit.show_with("admin_client_form.html", &view, faults)
}

/// Registers a client, and shows its secret this once.
pub(crate) async fn post_new(_: Public, visit: Visit, form: Submitted) -> Response {
    let faults = match create(&visit, &form).await {
        Ok(Ok(response)) => return response,
        Ok(Err(faults)) => faults,
        Err(error) => match Faults::read(error) {
            Ok(faults) => faults,
            Err(error) => return visit.refuse(error).await,
        },
    };
    show_new(&visit, form_of(&form), &faults)
}

async fn create(visit: &Visit, form: &Submitted) -> Made<Response> {
    visit.require_fresh().await?;
    let (wanted, roles) = match registration(form).and_then(|one| Ok((one, roles(form, "roles")?)))
    {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(Err(faults)),
    };
    let id = Some(form.get("client_id").trim()).filter(|id| !id.is_empty());
    let kept = Some(form.get("client_secret")).filter(|secret| !secret.is_empty());
    let kept = kept.map(|secret| SecretString::from(secret.to_owned()));
    let brought = Brought {
        id,
        secret: kept.as_ref(),
    };
    let (app, caller) = (&visit.app, visit.caller());
    // what can fail comes first: nobody sees the secret a second time
    let server = Endpoints::of(app).await?;
    let (listed, secret) = service::create(app, caller, &wanted, brought, &roles).await?;
    let (client, path) = (&listed.client, path_of(&listed.client.id));
    let preset = presets::named(form.get("preset"));
    let Some(secret) = secret else {
        let word = preset.map_or("", |preset| preset.word);
        let address = link(&path, &[("done", "client-created"), ("preset", word)]);
        return Ok(Ok(see_other(&address)));
    };
    let view = ClientSecret {
        title: "admin-client-created",
        name: client.name.clone(),
        secret: secret.expose_secret().to_owned(),
        previous_until: None,
        settings: server.settings(client),
        paste: preset.map(|preset| preset.paste(client, &server)),
        next: path,
    };
    Ok(Ok(visit.show("admin_client_secret.html", &view)))
}

/// Reads what is to be registered.
fn registration(form: &Submitted) -> Result<ClientRegistration, Faults> {
    let application = word::<Application>(form, "kind")?;
    let mut grants: Vec<String> = form.all("grants").into_iter().map(str::to_owned).collect();
    if application.is_some() {
        grants.push(GrantType::AuthorizationCode.as_str().to_owned());
    }
    Ok(ClientRegistration {
        name: form.get("name").trim().to_owned(),
        grants,
        audiences: lines(form, "audiences"),
        scope: text(form, "scope"),
        redirect_uris: lines(form, "redirect_uris"),
        public: Application::is_public(application) || form.get("public") == "on",
        application,
        sign_in: sign_in(form)?,
    })
}

fn sign_in(form: &Submitted) -> Result<SignIn, Faults> {
    let default = SignIn::default();
    Ok(SignIn {
        post_logout_redirect_uris: lines(form, "post_logout_redirect_uris"),
        backchannel_logout_uri: text(form, "backchannel_logout_uri"),
        initiate_login_uri: text(form, "initiate_login_uri"),
        id_token_alg: word(form, "id_token_alg")?.unwrap_or(default.id_token_alg),
        claims_in_id_token: form.get("claims_in_id_token") == "on",
        pkce: word(form, "pkce")?.unwrap_or(default.pkce),
        consent: word(form, "consent")?.unwrap_or(default.consent),
        acr: word(form, "acr")?.unwrap_or(default.acr),
        tenant: word(form, "tenant")?,
        who: roles(form, "who")?,
    })
}

fn text(form: &Submitted, field: &str) -> Option<String> {
    let text = form.get(field).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads a list that stands in lines; none of its items has white space.
fn lines(form: &Submitted, field: &str) -> Vec<String> {
    let items = form.get(field).split_whitespace();
    items.map(str::to_owned).collect()
}

/// Reads one of some words; `None` if nothing is chosen.
fn word<T: std::str::FromStr<Err = String>>(
    form: &Submitted,
    field: &'static str,
) -> Result<Option<T>, Faults> {
    let chosen = form.get(field).trim();
    if chosen.is_empty() {
        return Ok(None);
    }
    let parsed = chosen.parse();
    let fault = |why: String| Faults::about(field, "", &format!("{field}: {why}"));
    parsed.map(Some).map_err(fault)
}

fn roles(form: &Submitted, field: &str) -> Result<Vec<RoleName>, Faults> {
    let names = form.get(field);
    let names = names.split(|one: char| one.is_whitespace() || one == ',');
    let role = |name: &str| {
        name.parse()
            .map_err(|_| Faults::about(field, "admin-no-role-name", name))
    };
    names.filter(|name| !name.is_empty()).map(role).collect()
}

/// Returns the form as it was sent.
fn form_of(entered: &Submitted) -> ClientForm {
    let grants = entered.all("grants");
    let has = |grant: GrantType| grants.contains(&grant.as_str());
    let text = |name: &str| entered.get(name).to_owned();
    let list = |name: &str| entered.get(name).replace('\r', "");
    let preset = presets::named(entered.get("preset"));
    ClientForm {
        preset: preset.map_or("", |one| one.word).to_owned(),
        preset_name: preset.map_or("", |one| one.name),
        address: text("address"),
        name: text("name"),
        kind: text("kind"),
        is_public: entered.get("public") == "on",
        refreshes: has(GrantType::RefreshToken),
        acts: has(GrantType::ClientCredentials),
        has_own_form: has(GrantType::Password),
        redirect_uris: list("redirect_uris"),
        post_logout_redirect_uris: list("post_logout_redirect_uris"),
        backchannel_logout_uri: text("backchannel_logout_uri"),
        initiate_login_uri: text("initiate_login_uri"),
        scope: text("scope"),
        audiences: list("audiences"),
        consent: text("consent"),
        pkce: text("pkce"),
        acr: text("acr"),
        tenant: text("tenant"),
        who: list("who"),
        id_token_alg: text("id_token_alg"),
        claims_in_id_token: entered.get("claims_in_id_token") == "on",
        roles: list("roles"),
        client_id: text("client_id"),
        ..ClientForm::default()
    }
}

/// Returns the form of a client as it is stored.
fn form_of_client(client: Client) -> ClientForm {
    let has = |grant| client.grants.contains(&grant);
    let own = client.sign_in;
    let who: Vec<&str> = own.who.iter().map(RoleName::as_str).collect();
    ClientForm {
        kind: client
            .application
            .map_or("", Application::as_str)
            .to_owned(),
        is_public: client.public,
        refreshes: has(GrantType::RefreshToken),
        acts: has(GrantType::ClientCredentials),
        has_own_form: has(GrantType::Password),
        who: who.join("\n"),
        name: client.name,
        redirect_uris: client.redirect_uris.join("\n"),
        post_logout_redirect_uris: own.post_logout_redirect_uris.join("\n"),
        backchannel_logout_uri: own.backchannel_logout_uri.unwrap_or_default(),
        initiate_login_uri: own.initiate_login_uri.unwrap_or_default(),
        scope: client.scope.unwrap_or_default(),
        audiences: client.audiences.join("\n"),
        consent: own.consent.as_str().to_owned(),
        pkce: own.pkce.as_str().to_owned(),
        acr: own.acr.as_str().to_owned(),
        tenant: own.tenant.map(String::from).unwrap_or_default(),
        id_token_alg: own.id_token_alg.as_str().to_owned(),
        claims_in_id_token: own.claims_in_id_token,
        ..ClientForm::default()
    }
}

/// The form of a client.
pub(crate) async fn get_edit(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    let made = show_edit(&visit, &id, visit.kept(), &Faults::default()).await;
    visit.answer(made).await
}

/// Changes a client.
pub(crate) async fn post_edit(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let faults = match update(&visit, &id, &form).await {
        Ok(Ok(_)) => return visit.done(&path_of(&id), "saved"),
        Ok(Err(faults)) => faults,
        Err(error) => match Faults::read(error) {
            Ok(faults) => faults,
            Err(error) => return visit.refuse(error).await,
        },
    };
    let made = show_edit(&visit, &id, Some(&form), &faults).await;
    visit.answer(made).await
}

async fn update(visit: &Visit, id: &str, form: &Submitted) -> Made<Listed> {
    let stored = async {
        let stored = service::get(&visit.app, visit.caller(), id).await?;
        Ok(form_of_client(stored.client))
    };
    seen::check(form, stored).await?;
    let wanted = match registration(form) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(Err(faults)),
    };
    let changes = changes(wanted);
    let updated = service::update(&visit.app, visit.caller(), id, &changes).await?;
    Ok(Ok(updated))
}

/// Returns what a form says as changes: it says all of it but who keeps a secret, which stays.
fn changes(wanted: ClientRegistration) -> Changes {
    let own = wanted.sign_in;
    Changes {
        name: Some(wanted.name),
        grants: Some(wanted.grants),
        audiences: Some(wanted.audiences),
        scope: patch(wanted.scope),
        redirect_uris: Some(wanted.redirect_uris),
        application: wanted.application,
        sign_in: SignInChanges {
            post_logout_redirect_uris: Some(own.post_logout_redirect_uris),
            backchannel_logout_uri: patch(own.backchannel_logout_uri),
            initiate_login_uri: patch(own.initiate_login_uri),
            id_token_alg: Some(own.id_token_alg),
            claims_in_id_token: Some(own.claims_in_id_token),
            pkce: Some(own.pkce),
            consent: Some(own.consent),
            acr: Some(own.acr),
            tenant: patch(own.tenant),
            who: Some(own.who),
        },
    }
}

fn patch<T>(wanted: Option<T>) -> Patch<T> {
    wanted.map_or(Patch::Clear, Patch::Set)
}

async fn show_edit(
    visit: &Visit,
    id: &str,
    entered: Option<&Submitted>,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let path = path_of(id);
    let stored = service::get(&visit.app, visit.caller(), id).await?.client;
    let is_public = stored.public;
    let stored = form_of_client(stored);
    let seen = Seen::of(&stored);
    let form = entered.map_or(stored, form_of);
    let view = ClientForm {
        action: format!("{path}/edit"),
        back: path,
        is_public,
        ..form
    };
    Ok(visit.show_seen("admin_client_form.html", &view, faults, &seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(form: &ClientForm) -> Submitted {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("name", &form.name),
            ("kind", &form.kind),
            ("redirect_uris", &form.redirect_uris),
            ("post_logout_redirect_uris", &form.post_logout_redirect_uris),
            ("backchannel_logout_uri", &form.backchannel_logout_uri),
            ("initiate_login_uri", &form.initiate_login_uri),
            ("scope", &form.scope),
            ("audiences", &form.audiences),
            ("consent", &form.consent),
            ("pkce", &form.pkce),
            ("acr", &form.acr),
            ("tenant", &form.tenant),
            ("who", &form.who),
            ("id_token_alg", &form.id_token_alg),
        ] {
            // browsers end lines so
            body.append_pair(name, &value.replace('\n', "\r\n"));
        }
        for (is_ticked, name, value) in [
            (form.refreshes, "grants", "refresh_token"),
            (form.acts, "grants", "client_credentials"),
            (form.has_own_form, "grants", "password"),
            (form.is_public, "public", "on"),
            (form.claims_in_id_token, "claims_in_id_token", "on"),
        ] {
            if is_ticked {
                body.append_pair(name, value);
            }
        }
        Submitted::parse(body.finish().as_bytes())
    }

    fn clients() -> Vec<Client> {
        let web = Client {
            grants: [GrantType::AuthorizationCode, GrantType::RefreshToken].into(),
            audiences: vec!["https://a.example".to_owned(), "b".to_owned()],
            scope: Some("items:read role:editor".to_owned()),
            redirect_uris: vec![
                "https://app.example/a".to_owned(),
                "https://app.example/b".to_owned(),
            ],
            ..Client::sample()
        };
        let full = Client {
            sign_in: SignIn {
                post_logout_redirect_uris: vec!["https://app.example/".to_owned()],
                backchannel_logout_uri: Some("https://app.example/out".to_owned()),
                initiate_login_uri: Some("https://app.example/start".to_owned()),
                id_token_alg: crate::clients::sign_in::IdTokenAlgorithm::EdDsa,
                claims_in_id_token: true,
                pkce: crate::clients::sign_in::Pkce::Optional,
                consent: crate::clients::sign_in::Consent::Skip,
                acr: crate::clients::sign_in::LeastAcr::Aal2,
                tenant: Some("acme".parse().unwrap()),
                who: vec!["staff".parse().unwrap(), "guest".parse().unwrap()],
            },
            ..web.clone()
        };
        let machine = Client {
            application: None,
            grants: [GrantType::ClientCredentials, GrantType::Password].into(),
            ..Client::sample()
        };
        vec![web, full, machine]
    }

    #[test]
    fn a_form_that_is_sent_as_it_was_shown_changes_nothing() {
        for client in clients() {
            let sent = sent(&form_of_client(client.clone()));
            let wanted = registration(&sent).unwrap();
            let mut after = client.clone();
            wanted.apply(&mut after, false).unwrap();
            assert_eq!(after, client);
            let mut after = client.clone();
            let changed = changes(wanted).applied_to(&client);
            changed.apply(&mut after, false).unwrap();
            assert_eq!(after, client);
            assert!(
                matches!(changes(registration(&sent).unwrap()).name, Some(name) if name == client.name)
            );
        }
    }

    #[test]
    fn what_is_chosen_from_nothing_is_the_default_of_the_api() {
        let wanted = registration(&Submitted::parse(b"name=x&kind=web")).unwrap();
        assert_eq!(wanted.sign_in, SignIn::default());
        assert!(!wanted.public && wanted.scope.is_none() && wanted.audiences.is_empty());
        for (kind, is_public) in [
            ("web", false),
            ("native", true),
            ("browser", true),
            ("", false),
        ] {
            let form = Submitted::parse(format!("name=x&kind={kind}").as_bytes());
            let wanted = registration(&form).unwrap();
            assert_eq!(wanted.public, is_public, "{kind}");
            assert_eq!(wanted.grants.is_empty(), kind.is_empty(), "{kind}");
        }
        let public = registration(&Submitted::parse(b"name=x&public=on&grants=password")).unwrap();
        assert!(public.public && public.application.is_none());
    }

    #[test]
    fn a_word_or_role_that_does_not_exist_is_named_at_its_field() {
        for (form, field) in [
            ("kind=spa", "kind"),
            ("consent=never", "consent"),
            ("pkce=plain", "pkce"),
            ("acr=aal9", "acr"),
            ("tenant=No+Tenant", "tenant"),
            ("id_token_alg=none", "id_token_alg"),
            ("who=staff%0D%0ANo-Role", "who"),
        ] {
            let faults = registration(&Submitted::parse(form.as_bytes())).unwrap_err();
            assert_eq!(faults.list[0].field, field, "{form}");
            assert!(!faults.list[0].text.is_empty(), "{form}");
        }
    }

    #[test]
    fn the_form_has_no_secret() {
        let form = form_of(&Submitted::parse(b"name=x&client_secret=hunter2"));
        assert!(!format!("{form:?}").contains("hunter2"));
    }
}

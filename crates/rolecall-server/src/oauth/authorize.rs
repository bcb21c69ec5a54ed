//! Reading an authorization request (RFC 6749 section 4.1.1, RFC 7636, RFC 8707, RFC 9207, `OpenID` Connect Core section
//! 3.1.2).
//!
//! The client and its redirect URI are checked first. Until both are right nothing is sent anywhere: the browser shows
//! a page.

use std::collections::BTreeSet;

use rolecall_core::{Acr, Permission, RoleName, TenantName};

use super::{
    claims_parameter::read_claims,
    identity::NO_ID_TOKENS,
    parameters::{HINT, Parameters},
    refused::{Refused, refuse},
    resource_parameter,
};
use crate::{
    app::App,
    clients::{
        redirect,
        sign_in::{Pkce, SignInTenant},
        store::{self as clients, Client, GrantType},
    },
    error::ApiError,
    invitations::sign_up,
    login::flow::{
        answer::{Answer, AnswerError, Target},
        request::{AuthorizationRequest, Prompt, ResponseMode},
    },
    tokens::{
        id_token::{self, Hint},
        identity::{self, IdentityScope},
        requested::RequestedScope,
    },
};

/// The longest request that is stored, in bytes of JSON.
const MAX_STORED: usize = 8 * 1024;

/// The reason why an authorization request leads nowhere.
#[derive(Debug)]
pub(crate) enum AuthorizeError {
    /// Shown to the person, and sent nowhere.
    Page(&'static str),
    /// Sent to the client.
    Answer(Box<Answer>),
    Failed(ApiError),
}

impl From<ApiError> for AuthorizeError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Reads a request. `encoded` is the query, or the body of a form.
pub(crate) async fn parse(
    app: &App,
    encoded: &str,
) -> Result<AuthorizationRequest, AuthorizeError> {
    let parameters = Parameters::parse(encoded).map_err(AuthorizeError::Page)?;
    let (client, redirect_uri) = check_client(app, &parameters).await?;
    let mode = parameters.get("response_mode");
    let target = Target {
        redirect_uri,
        mode: match mode {
            Some("form_post") => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        },
        state: parameters.get("state").map(str::to_owned),
    };
    let dynamic = resource_parameter::dynamic(app, &parameters, &client).await?;
    id_token::find_new_key(app, &client).await?;
    let read = read(app, &parameters, &client, &target, dynamic);
    match read.and_then(refuse_long) {
        Ok(mut request) => {
            resource_parameter::add_default_scope(app, &mut request).await?;
            Ok(request)
        }
        Err((error, why)) => {
            let answer = Answer::error(target, error, &why, &app.settings().issuer);
            Err(AuthorizeError::Answer(Box::new(answer)))
        }
    }
}

/// Refuses a request that takes too much room in the database: characters that JSON escapes take up to six times theirs.
fn refuse_long(request: AuthorizationRequest) -> Result<AuthorizationRequest, Refused> {
    let written = serde_json::to_string(&request);
    if written.is_ok_and(|text| text.len() <= MAX_STORED) {
        return Ok(request);
    }
    let why = "the request is too long: shorten state, nonce, login_hint, scope or claims";
    refuse(AnswerError::InvalidRequest, why)
}

/// Finds the client, and the redirect URI among those that it registered.
async fn check_client(
    app: &App,
    parameters: &Parameters,
) -> Result<(Client, String), AuthorizeError> {
    let id = parameters.get("client_id");
    let id = id.ok_or(AuthorizeError::Page("client_id is missing"))?;
    let mut conn = app.store().read().await.map_err(ApiError::from)?;
    let client = clients::find(&mut conn, id).await.map_err(ApiError::from)?;
    let client = client.filter(|client| client.application.is_some());
    let client = client.ok_or(AuthorizeError::Page("the application is not known"))?;
    let uri = parameters.get("redirect_uri");
    let uri = uri.ok_or(AuthorizeError::Page("redirect_uri is missing"))?;
    let is_registered = |one: &String| redirect::matches(one, uri, client.application);
    if !client.redirect_uris.iter().any(is_registered) {
        return Err(AuthorizeError::Page(
            "the application has not registered this redirect_uri",
        ));
    }
    let uri = uri.to_owned();
    Ok((client, uri))
}

/// Reads everything about which the client gets an error if it is wrong, in the order of the contract.
fn read(
    app: &App,
    parameters: &Parameters,
    client: &Client,
    target: &Target,
    dynamic: Option<&str>,
) -> Result<AuthorizationRequest, Refused> {
    refuse_unsupported(parameters, client)?;
    let code_challenge = code_challenge(parameters, client)?;
    let (identity, scope) = scope(app, parameters, client)?;
    let (audience, names_resource) =
        resource_parameter::audience(app, parameters, client, dynamic)?;
    let tenant = tenant(parameters, client)?;
    let mut request = AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri: target.redirect_uri.clone(),
        response_mode: target.mode,
        state: target.state.clone(),
        nonce: parameters.get("nonce").map(str::to_owned),
        code_challenge,
        identity,
        scope,
        is_default_scope: false,
        is_dynamic: dynamic == Some(audience.as_str()),
        audience,
        names_resource,
        prompt: prompt(app, parameters)?,
        essential_acr: None,
        wished_acr: wished_acr(parameters),
        max_age: max_age(parameters)?,
        login_hint: parameters.get("login_hint").map(str::to_owned),
        subject: None,
        tenant,
        id_token_claims: BTreeSet::new(),
        userinfo_claims: BTreeSet::new(),
        ui_locales: parameters.get("ui_locales").map(str::to_owned),
        wished_factor: None,
    };
    if let Some(claims) = parameters.get("claims") {
        read_claims(&mut request, claims)?;
    }
    if let Some(hint) = parameters.get(HINT) {
        let hint = Hint::read(app, hint).filter(|hint| hint.client == client.id);
        let Some(hint) = hint else {
            let why = "id_token_hint is no ID token of this application";
            return refuse(AnswerError::InvalidRequest, why);
        };
        request.subject = Some(hint.subject);
    }
    Ok(request)
}

fn refuse_unsupported(parameters: &Parameters, client: &Client) -> Result<(), Refused> {
    if parameters.get("request_uri").is_some() {
        let why = "request_uri is not supported";
        return refuse(AnswerError::RequestUriNotSupported, why);
    }
    if parameters.get("request").is_some() {
        return refuse(AnswerError::RequestNotSupported, "request is not supported");
    }
    if parameters.get("registration").is_some() {
        let why = "registration is not supported";
        return refuse(AnswerError::RegistrationNotSupported, why);
    }
    if !client.grants.contains(&GrantType::AuthorizationCode) {
        let why = "the application may not use this grant";
        return refuse(AnswerError::UnauthorizedClient, why);
    }
    match parameters.get("response_type") {
        Some("code") => {}
        None => return refuse(AnswerError::InvalidRequest, "response_type is missing"),
        Some(_) => {
            let why = "response_type is `code`";
            return refuse(AnswerError::UnsupportedResponseType, why);
        }
    }
    match parameters.get("response_mode") {
        None | Some("query" | "form_post") => Ok(()),
        Some(_) => {
            let why = "response_mode is `query` or `form_post`";
            refuse(AnswerError::InvalidRequest, why)
        }
    }
}

/// Reads the code challenge (RFC 7636 section 4.2).
fn code_challenge(parameters: &Parameters, client: &Client) -> Result<Option<String>, Refused> {
    let challenge = parameters.get("code_challenge");
    let method = parameters.get("code_challenge_method");
    let Some(challenge) = challenge else {
        if client.sign_in.pkce == Pkce::Optional && !client.public && method.is_none() {
            return Ok(None);
        }
        return refuse(AnswerError::InvalidRequest, "code_challenge is missing");
    };
    if method != Some("S256") {
        return refuse(
            AnswerError::InvalidRequest,
            "code_challenge_method is `S256`",
        );
    }
    let is_digest = challenge.len() == 43
        && challenge
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_digest {
        let why = "code_challenge is the base64url of a SHA-256, 43 characters";
        return refuse(AnswerError::InvalidRequest, why);
    }
    Ok(Some(challenge.to_owned()))
}

/// Reads the scope: what it asks for about the user, and the permissions and roles that it names.
fn scope(
    app: &App,
    parameters: &Parameters,
    client: &Client,
) -> Result<(BTreeSet<IdentityScope>, Option<String>), Refused> {
    let Some(text) = parameters.get("scope") else {
        return Ok((BTreeSet::new(), None));
    };
    let (identity, others) = identity::split(text);
    // rolecall's own permissions are for the operator's own applications
    let is_left_out = |value: &&str| is_reserved(value) && !client.is_first_party();
    let named = others.split(' ').filter(|value| !is_left_out(value));
    let named = named.collect::<Vec<_>>().join(" ");
    if !named.is_empty() && RequestedScope::parse(&named).is_err() {
        let why = "scope is a list of openid, profile, email, phone, address, roles, groups, offline_access, role:NAME and object:operation";
        return refuse(AnswerError::InvalidScope, why);
    }
    if identity.contains(&IdentityScope::Openid) && !id_token::can_sign(app, client) {
        return refuse(AnswerError::InvalidScope, NO_ID_TOKENS);
    }
    // who asks for the roles has them in the access token too; who asks for neither gets none
    let asks_for_roles =
        identity.contains(&IdentityScope::Roles) || identity.contains(&IdentityScope::Groups);
    let is_all = named.is_empty() && asks_for_roles;
    Ok((identity, (!is_all).then_some(named)))
}

fn is_reserved(value: &str) -> bool {
    let role = value.strip_prefix("role:");
    match role {
        Some(role) => role.parse().is_ok_and(|role: RoleName| role.is_reserved()),
        None => value.parse().is_ok_and(|one: Permission| one.is_reserved()),
    }
}

/// Reads the tenant: that of the client, if it has one of its own.
fn tenant(parameters: &Parameters, client: &Client) -> Result<Option<TenantName>, Refused> {
    let asked = parameters.get("tenant").map(str::parse::<TenantName>);
    let Ok(asked) = asked.transpose() else {
        return refuse(
            AnswerError::InvalidRequest,
            "tenant is not a name of a tenant",
        );
    };
    match (asked, &client.sign_in.tenant) {
        (Some(asked), Some(SignInTenant::Named(own))) if asked != *own => {
            let why = "the application is for another tenant";
            refuse(AnswerError::InvalidRequest, why)
        }
        (_, Some(SignInTenant::Named(own))) => Ok(Some(own.clone())),
        (asked, _) => Ok(asked),
    }
}

fn prompt(app: &App, parameters: &Parameters) -> Result<Vec<Prompt>, Refused> {
    let mut prompts = Vec::new();
    for value in parameters.get("prompt").unwrap_or_default().split(' ') {
        let prompt = match value {
            "" => continue,
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            "create" if sign_up::is_offered(app) => Prompt::Create,
            "create" => {
                let why = "prompt=create: nobody can make an account here by themselves";
                return refuse(AnswerError::InvalidRequest, why);
            }
            _ => {
                let why = "prompt is `none`, or some of `login`, `consent` and `select_account`";
                return refuse(AnswerError::InvalidRequest, why);
            }
        };
        prompts.push(prompt);
    }
    if prompts.len() > 1 && prompts.contains(&Prompt::None) {
        let why = "prompt has `none` beside something else";
        return refuse(AnswerError::InvalidRequest, why);
    }
    Ok(prompts)
}

/// Reads what the client would like of the sign-in. A value that is not known is no error (`OpenID` Connect Core section
/// 3.1.2.1).
fn wished_acr(parameters: &Parameters) -> Vec<Acr> {
    let wished = parameters.get("acr_values").unwrap_or_default().split(' ');
    let mut known: Vec<Acr> = Vec::new();
    for acr in wished.filter_map(|word| word.parse().ok()) {
        if !known.contains(&acr) {
            known.push(acr);
        }
    }
    known
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, Refused> {
    let age = parameters.get("max_age").map(str::parse::<i64>);
    match age {
        None => Ok(None),
        Some(Ok(age)) if age >= 0 => Ok(Some(age)),
        Some(_) => refuse(
            AnswerError::InvalidRequest,
            "max_age is a number of seconds",
        ),
    }
}

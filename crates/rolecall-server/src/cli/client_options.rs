//! The options of `client add` and `client update`, and the lines of `client show`, that are about signing people in.

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use rolecall_core::RoleName;

use crate::{
    clients::{
        changes::SignInChanges,
        sign_in::{Application, Consent, IdTokenAlgorithm, LeastAcr, Pkce, SignInTenant},
        store::{GrantType, Listed},
    },
    patch::Patch,
};

/// Members of a client that signs people in.
#[derive(Args)]
pub(super) struct SignInOptions {
    /// The kind of application that signs people in: `web` on a server, `native` on a device, `browser` in a page.
    #[arg(long, value_parser = words::<Application>(Application::WORDS))]
    pub(super) kind: Option<Application>,
    /// An address that answers of a sign-in are sent to; can be repeated.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(super) redirect_uris: Vec<String>,
    /// An address that browsers may be sent to after a log-out; can be repeated.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// The address that gets a logout token when a session of the client ends.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// The https address at which another site can start a sign-in.
    #[arg(long, value_name = "URI")]
    initiate_login_uri: Option<String>,
    /// The algorithm of its ID tokens, `RS256` by default.
    #[arg(long, value_name = "ALGORITHM", value_parser = words::<IdTokenAlgorithm>(IdTokenAlgorithm::WORDS))]
    id_token_alg: Option<IdTokenAlgorithm>,
    /// Put the claims that `/userinfo` has into ID tokens too.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    claims_in_id_token: Option<bool>,
    /// `required`, or `optional` for an old program with a secret that sends no code challenge.
    #[arg(long, value_parser = words::<Pkce>(Pkce::WORDS))]
    pkce: Option<Pkce>,
    /// Ask users before the client gets something of theirs, or skip that for an application of your own.
    #[arg(long, value_parser = words::<Consent>(Consent::WORDS))]
    consent: Option<Consent>,
    /// The least assurance of a sign-in: `aal2` asks everybody for a second factor.
    #[arg(long, value_parser = words::<LeastAcr>(LeastAcr::WORDS))]
    acr: Option<LeastAcr>,
    /// The tenant that sign-ins are for, or `ask` for the one that the user chooses.
    #[arg(long)]
    tenant: Option<SignInTenant>,
    /// A role of which users need one to sign in; can be repeated. Everybody by default.
    #[arg(long = "who", value_name = "ROLE")]
    who: Vec<RoleName>,
}

/// Parses one of these words, and lists them in the help.
fn words<T>(words: &'static [&'static str]) -> impl clap::builder::TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    use clap::builder::TypedValueParser as _;
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

impl SignInOptions {
    /// Returns what the options change.
    pub(super) fn changes(&self) -> SignInChanges {
        let uris = &self.post_logout_redirect_uris;
        SignInChanges {
            post_logout_redirect_uris: (!uris.is_empty()).then(|| uris.clone()),
            backchannel_logout_uri: patch(self.backchannel_logout_uri.as_ref()),
            initiate_login_uri: patch(self.initiate_login_uri.as_ref()),
            id_token_alg: self.id_token_alg,
            claims_in_id_token: self.claims_in_id_token,
            pkce: self.pkce,
            consent: self.consent,
            acr: self.acr,
            tenant: patch(self.tenant.as_ref()),
            who: (!self.who.is_empty()).then(|| self.who.clone()),
        }
    }
}

fn patch<T: Clone>(value: Option<&T>) -> Patch<T> {
    value.map_or(Patch::Keep, |value| Patch::Set(value.clone()))
}

/// A member that can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Clearable {
    /// Tokens may be for the issuer alone.
    Audiences,
    /// Tokens carry all that users hold.
    Scope,
    RedirectUris,
    PostLogoutRedirectUris,
    BackchannelLogoutUri,
    InitiateLoginUri,
    Tenant,
    /// Everybody may sign in.
    Who,
}

impl Clearable {
    /// Removes the member, if it is one of signing in.
    pub(super) fn clear(self, changes: &mut SignInChanges) {
        match self {
            Self::Audiences | Self::Scope | Self::RedirectUris => {}
            Self::PostLogoutRedirectUris => changes.post_logout_redirect_uris = Some(Vec::new()),
            Self::BackchannelLogoutUri => changes.backchannel_logout_uri = Patch::Clear,
            Self::InitiateLoginUri => changes.initiate_login_uri = Patch::Clear,
            Self::Tenant => changes.tenant = Patch::Clear,
            Self::Who => changes.who = Some(Vec::new()),
        }
    }
}

/// Returns the text of `client show`: what to enter in the other program, then how the client is set up.
pub(super) fn shown(listed: &Listed, issuer: &str, discovery: &str) -> String {
    let Listed { client, roles } = listed;
    let sign_in = &client.sign_in;
    let mut lines: Vec<(&str, String)> = Vec::new();
    if client.application.is_some() {
        lines.push(("issuer", issuer.to_owned()));
        lines.push(("discovery", discovery.to_owned()));
    }
    lines.push(("client_id", client.id.clone()));
    let secret = if client.public {
        "none: send the client_id alone"
    } else {
        "shown once, when it was made; `client rotate-secret` makes another one"
    };
    lines.push(("client_secret", secret.to_owned()));
    lines.extend(named("redirect_uri", &client.redirect_uris));
    let after = &sign_in.post_logout_redirect_uris;
    lines.extend(named("post_logout_redirect_uri", after));
    lines.push(("", String::new()));
    lines.push(("name", client.name.clone()));
    if let Some(kind) = client.application {
        lines.push(("kind", kind.as_str().to_owned()));
        lines.push(("id_token_alg", sign_in.id_token_alg.as_str().to_owned()));
        lines.push(("pkce", sign_in.pkce.as_str().to_owned()));
        lines.push(("consent", sign_in.consent.as_str().to_owned()));
        lines.push(("acr", sign_in.acr.as_str().to_owned()));
        let who = match sign_in.who.as_slice() {
            [] => "everybody".to_owned(),
            roles => joined(roles),
        };
        lines.push(("who", who));
    }
    let optional = [
        ("tenant", sign_in.tenant.as_ref().map(ToString::to_string)),
        ("initiate_login_uri", sign_in.initiate_login_uri.clone()),
        (
            "backchannel_logout_uri",
            sign_in.backchannel_logout_uri.clone(),
        ),
        ("scope", client.scope.clone()),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let grants: Vec<&str> = client
        .grants
        .iter()
        .map(|grant: &GrantType| grant.as_str())
        .collect();
    lines.push(("grants", grants.join(", ")));
    lines.extend(named("audience", &client.audiences));
    if !roles.is_empty() {
        lines.push(("roles", joined(roles)));
    }
    let line = |(name, value): &(&str, String)| {
        let line = format!("{name:<26}{value}");
        format!("{}\n", line.trim_end())
    };
    lines.iter().map(line).collect()
}

fn joined(roles: &[RoleName]) -> String {
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    names.join(", ")
}

/// Returns a line for each item.
fn named<'n>(name: &'n str, items: &[String]) -> impl Iterator<Item = (&'n str, String)> {
    items.iter().map(move |item| (name, item.clone()))
}

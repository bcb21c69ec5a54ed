//! Demo users and roles, for `dev` and the examples.

use rolecall_core::{PermissionPattern, RoleName};

use crate::{
    accounts::registration::{self, NewAccount},
    app::App,
    authority::{builtin, caller::Caller},
    clients::{
        changes::Changes,
        registration::ClientRegistration,
        service::{self as clients, Brought},
        sign_in::{Application, IdTokenAlgorithm, SignIn},
    },
    error::ApiError,
    profile::input::ProfileInput,
    roles::{
        self,
        definition::{self, NewRole},
    },
    start::StartError,
};

/// The password of the demo users of `dev`, as in the tutorial.
pub(crate) const PASSWORD: &str = "yourpassword";

/// The id of the client by which the page at `/docs` signs people in.
pub(crate) const CLIENT: &str = "demo";

/// Creates the demo client unless it exists, and lets it lead back to the page at `/docs`.
pub(crate) async fn ensure_client(app: &App) -> Result<(), ApiError> {
    let public_url = app.settings().public_url.trim_end_matches('/');
    let redirect_uris = vec![format!("{public_url}/docs/oauth2-redirect.html")];
    let wanted = ClientRegistration {
        name: CLIENT.to_owned(),
        grants: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        redirect_uris: redirect_uris.clone(),
        public: true,
        application: Some(Application::Browser),
        sign_in: SignIn {
            id_token_alg: algorithm(app),
            ..SignIn::default()
        },
        ..ClientRegistration::default()
    };
    let brought = Brought {
        id: Some(CLIENT),
        secret: None,
    };
    match clients::create(app, Caller::System, &wanted, brought, &[]).await {
        Ok(_) => Ok(()),
        // the port may be another one than last time
        Err(ApiError::AlreadyThere { .. } | ApiError::Rule { .. }) => {
            let changes = Changes {
                redirect_uris: Some(redirect_uris),
                ..Changes::default()
            };
            match clients::update(app, Caller::System, CLIENT, &changes).await {
                // somebody else has the name or the id
                Ok(_) | Err(ApiError::Unknown { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Returns the algorithm of the access tokens, so that a trial needs no other key.
fn algorithm(app: &App) -> IdTokenAlgorithm {
    let signing = app.parts().keys.signing();
    let access = signing.key.algorithm();
    let found = IdTokenAlgorithm::ALL
        .into_iter()
        .find(|one| one.algorithm() == access);
    found.unwrap_or(IdTokenAlgorithm::Rs256)
}

/// Creates a role unless it exists.
pub(crate) async fn ensure_role(
    app: &App,
    role: &RoleName,
    description: &str,
) -> Result<(), ApiError> {
    if builtin::is_builtin(role) {
        return Ok(());
    }
    match definition::create(app, Caller::System, NewRole::new(role, description)).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a user and its roles unless they exist.
pub(crate) async fn ensure_user(
    app: &App,
    username: &str,
    password: &str,
    roles: &[String],
) -> Result<(), StartError> {
    let failed = |error: &dyn std::error::Error| {
        StartError::DemoUser(username.to_owned(), crate::error::chain_of(error))
    };
    let mut names = Vec::new();
    for role in roles {
        let role: RoleName = role.parse().map_err(|error| failed(&error))?;
        ensure_role(app, &role, "")
            .await
            .map_err(|error| failed(&error))?;
        names.push(role);
    }
    let wanted = NewAccount {
        username,
        password: Some(password),
        email: None,
        email_verified: false,
        roles: names,
        profile: ProfileInput::default(),
        address: None,
    };
    match registration::create(app, Caller::System, &wanted).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Grants permissions to a role, creating missing ones, and makes it inherit `juniors`.
pub(crate) async fn ensure_contents(
    app: &App,
    role: &RoleName,
    permissions: &[PermissionPattern],
    juniors: &[RoleName],
) -> Result<(), ApiError> {
    for pattern in permissions {
        roles::service::grant_new(app, Caller::System, role, pattern).await?;
    }
    for junior in juniors {
        roles::service::inherit(app, Caller::System, role, junior).await?;
    }
    Ok(())
}

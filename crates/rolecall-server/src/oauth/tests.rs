//! What a token is made from, when something is lost while it is made.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    client_auth::RequestingClient,
    client_credentials::{ClientCredentialsGrant, for_client},
    error::OAuthError,
    grant::{PasswordGrant, by_password},
    refresh::{RefreshGrant, by_token},
};
use crate::{
    Embedded,
    app::App,
    authority::caller::Caller,
    clients::{
        changes::Changes,
        registration::ClientRegistration,
        service::{self, Brought},
        store,
    },
    login::known::Origin,
    patch::Patch,
    store::testing::postgres_database,
    tokens::access_token::Issued,
};

const PASSWORD: &str = "a password of alice";

/// A loss of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Deleted,
    Narrowed,
    Grants,
    Audience,
}

impl Loss {
    const ALL: [Self; 4] = [Self::Deleted, Self::Narrowed, Self::Grants, Self::Audience];

    async fn happen(self, app: &App, client: &str) {
        let changes = match self {
            Self::Deleted => {
                return service::delete(app, Caller::System, client).await.unwrap();
            }
            Self::Narrowed => Changes {
                scope: Patch::Set("role:nothing".to_owned()),
                ..Changes::default()
            },
            Self::Grants => Changes {
                grants: Some(Vec::new()),
                ..Changes::default()
            },
            Self::Audience => Changes {
                audiences: Some(vec!["https://other.example".to_owned()]),
                ..Changes::default()
            },
        };
        service::update(app, Caller::System, client, &changes)
            .await
            .unwrap();
    }

    /// Checks that nothing was issued, or nothing in it that was lost.
    fn check(self, issued: Result<Issued, OAuthError>, what: &str) {
        match (self, issued) {
            (Self::Narrowed, Ok(issued)) => {
                assert_eq!(issued.scope, "", "{what}");
                let claims = rolecall::token::dangerous::decode_unverified(&issued.access_token);
                assert_eq!(
                    claims.unwrap().claims["roles"],
                    serde_json::json!([]),
                    "{what}"
                );
            }
            (_, Ok(_)) => panic!("{self:?}: {what} issued a token"),
            (Self::Deleted, Err(OAuthError::InvalidClient { .. } | OAuthError::InvalidGrant))
            | (Self::Grants, Err(OAuthError::UnauthorizedClient))
            | (Self::Audience, Err(OAuthError::InvalidTarget(_) | OAuthError::SignedOut)) => {}
            (_, Err(error)) => panic!("{self:?}: {what}: {error:?}"),
        }
    }
}

const AUDIENCE: &str = "https://api.example";

/// A client that has proven itself, as an endpoint has read it before the loss.
async fn client(app: &App, name: &str) -> RequestingClient {
    let wanted = ClientRegistration {
        name: name.to_owned(),
        grants: ["password", "refresh_token", "client_credentials"]
            .map(str::to_owned)
            .into(),
        audiences: vec![AUDIENCE.to_owned()],
        ..ClientRegistration::default()
    };
    let secret = SecretString::from("7c0e5b1a9d4f2836e1b0c9a857d6f342");
    assert_eq!(secret.expose_secret().len(), 32);
    let brought = Brought {
        secret: Some(&secret),
        ..Brought::default()
    };
    let roles = ["editor".parse().unwrap()];
    let created = service::create(app, Caller::System, &wanted, brought, &roles).await;
    let id = created.unwrap().0.client.id;
    let mut conn = app.store().read().await.unwrap();
    let found = store::find(&mut conn, &id).await.unwrap().unwrap();
    RequestingClient::Client(Box::new(found))
}

async fn log_in(app: &App, client: &RequestingClient) -> Result<Issued, OAuthError> {
    let request = PasswordGrant {
        username: "alice",
        password: PASSWORD,
        client,
        scope: None,
        tenant: None,
        audience: AUDIENCE,
        origin: Origin::default(),
        wants_refresh: true,
    };
    by_password(app, &request).await
}

async fn lose_everything(url: &str) {
    let server = Embedded::builder(url)
        .master_key(&"5c7e0b1a".repeat(8))
        .demo_user("alice", PASSWORD, &["editor"])
        .open()
        .await
        .unwrap();
    let app = server.app();
    for (number, loss) in Loss::ALL.into_iter().enumerate() {
        let client = client(app, &format!("app{number}")).await;
        let refresh = log_in(app, &client).await.unwrap().refresh_token.unwrap();
        loss.happen(app, client.client_id()).await;
        loss.check(log_in(app, &client).await, "a log-in");
        let request = RefreshGrant {
            token: &refresh,
            client: &client,
            scope: None,
            identity: None,
            tenant: None,
            audience: None,
            origin: Origin::default(),
        };
        loss.check(by_token(app, &request).await, "a refresh");
        let request = ClientCredentialsGrant {
            client: &client,
            scope: None,
            tenant: None,
            audience: AUDIENCE,
        };
        loss.check(for_client(app, &request).await, "a client");
    }
}

/// The database's clock was months ahead when this node looked at it last, and is right again.
async fn refresh_after_a_wrong_clock(url: &str) {
    let server = Embedded::builder(url)
        .master_key(&"5c7e0b1a".repeat(8))
        .demo_user("alice", PASSWORD, &["editor"])
        .open()
        .await
        .unwrap();
    let app = server.app();
    let client = client(app, "app").await;
    let refresh = log_in(app, &client).await.unwrap().refresh_token.unwrap();
    let months = Duration::from_hours(24 * 400);
    let at = app.parts().clock.monotonic();
    app.parts().known_time.observe(app.now().plus(months), at);
    assert!(app.database_now() > app.now().plus(months / 2));
    let request = |token| RefreshGrant {
        token,
        client: &client,
        scope: None,
        identity: None,
        tenant: None,
        audience: None,
        origin: Origin::default(),
    };
    let next = by_token(app, &request(&refresh)).await.unwrap();
    let next = next.refresh_token.unwrap();
    by_token(app, &request(&next)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y387_a_session_outlives_a_clock_that_was_wrong_a_moment_ago_sqlite() {
    refresh_after_a_wrong_clock("sqlite::memory:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y387_a_session_outlives_a_clock_that_was_wrong_a_moment_ago_postgres() {
    if let Some(url) = postgres_database("y387").await {
        refresh_after_a_wrong_clock(&url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y210_no_token_is_made_from_what_a_client_has_lost_meanwhile_sqlite() {
    lose_everything("sqlite::memory:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y210_no_token_is_made_from_what_a_client_has_lost_meanwhile_postgres() {
    if let Some(url) = postgres_database("y210").await {
        lose_everything(&url).await;
    }
}

//! Sign-ins that meet losses: neither waits for the other while the other waits for it, and no client is left out.

use std::{collections::BTreeSet, sync::Arc};

use http::Method;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use super::support::{Browser, Client, RelyingParty, Site, all_sent, create_client, try_redeem};
use crate::support::{NEW_PASSWORD, PASSWORD, on_both, session_id};

on_both![
    y300_no_loss_and_no_sign_in_wait_for_each_other,
    y301_a_session_that_opens_while_all_end_is_told_of_or_refused,
];

const BROWSERS: usize = 4;
const ROUNDS: usize = 3;

/// What takes sign-ins away.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Sessions,
    Disabled,
    Reset,
    Password,
    UserDeleted,
    ClientDeleted,
}

const LOSSES: [Loss; 6] = [
    Loss::Sessions,
    Loss::Disabled,
    Loss::Reset,
    Loss::Password,
    Loss::UserDeleted,
    Loss::ClientDeleted,
];

impl Loss {
    async fn happen(self, site: &Site, (name, id): (&str, &str), client: &Client) {
        let admin = site.admin().await.to_owned();
        let user = format!("/api/users/{id}");
        let request = |method, path: String| site.request(method, path).token(&admin);
        let request = match self {
            Self::Sessions => request(Method::DELETE, format!("{user}/sessions")),
            Self::Disabled => request(Method::PATCH, user).json(&json!({ "status": "disabled" })),
            Self::Reset => request(Method::POST, format!("{user}/reset")).json(&json!({})),
            Self::Password => site.request(Method::POST, "/password").json(&json!({
                "username": name, "current_password": PASSWORD, "new_password": NEW_PASSWORD,
            })),
            Self::UserDeleted => request(Method::DELETE, user),
            Self::ClientDeleted => request(Method::DELETE, format!("/api/clients/{}", client.id())),
        };
        let answer = request.send().await;
        assert!(answer.status.is_success(), "{self:?}: {answer:?}");
    }
}

/// Signs in again and again, with what only needs the session of the browser, until it is refused. Returns the sessions.
async fn sign_in_until_refused(
    site: Arc<Site>,
    client: Arc<Client>,
    mut browser: Browser,
    opened: mpsc::UnboundedSender<()>,
) -> Vec<String> {
    let mut sessions = Vec::new();
    loop {
        let scope = "openid offline_access";
        let Ok(code) = browser.try_silently(&site, &client, scope).await else {
            return sessions;
        };
        let answer = try_redeem(&site, &client, &code).await;
        if answer.status != 200 {
            assert!(answer.status.is_client_error(), "{answer:?}");
            return sessions;
        }
        sessions.push(session_id(&answer.text("access_token")));
        let _ = opened.send(());
    }
}

/// Lets a loss happen in the middle of sign-ins, and returns the sessions that they opened.
async fn meet(site: &Arc<Site>, party: &RelyingParty, name: &str, loss: Loss) -> Vec<String> {
    let id = site.create_user(name, &[]).await;
    let client = Arc::new(create_client(site, name, Some(&party.url), "RS256").await);
    let (opened, mut opening) = mpsc::unbounded_channel();
    let mut browsers = JoinSet::new();
    let mut sessions = Vec::new();
    for _ in 0..BROWSERS {
        let mut browser = Browser::default();
        let first = browser.sign_in(site, &client, name, "openid").await;
        sessions.push(first.sid);
        let (site, client) = (Arc::clone(site), Arc::clone(&client));
        browsers.spawn(sign_in_until_refused(site, client, browser, opened.clone()));
    }
    drop(opened);
    for _ in 0..2 * BROWSERS {
        opening.recv().await.unwrap();
    }
    loss.happen(site, (name, &id), &client).await;
    while let Some(done) = browsers.join_next().await {
        sessions.extend(done.unwrap());
    }
    sessions
}

/// How often PostgreSQL had to end one of two transactions that waited for each other.
async fn deadlocks(site: &Site) -> i64 {
    // a connection has reported what it counted when it has ended
    const END: &str = "SELECT COUNT(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    const READ: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    if site.app.db.is_sqlite() {
        return 0;
    }
    assert!(site.app.db.number(END).await > 0);
    site.app.db.number(READ).await
}

async fn y300_no_loss_and_no_sign_in_wait_for_each_other(site: Site) {
    let site = Arc::new(site);
    for round in 0..ROUNDS {
        for loss in LOSSES {
            let name = format!("{loss:?}{round}").to_lowercase();
            meet(&site, &site.party, &name, loss).await;
        }
    }
    assert_eq!(deadlocks(&site).await, 0);
}

async fn y301_a_session_that_opens_while_all_end_is_told_of_or_refused(site: Site) {
    let site = Arc::new(site);
    for round in 0..ROUNDS {
        for loss in [Loss::Sessions, Loss::UserDeleted] {
            let name = format!("{loss:?}{round}").to_lowercase();
            let party = RelyingParty::listen().await;
            let sessions = meet(&site, &party, &name, loss).await;
            all_sent(&site).await;
            let told: BTreeSet<String> = party.sids().into_iter().collect();
            let opened: BTreeSet<String> = sessions.into_iter().collect();
            assert_eq!(told, opened);
        }
    }
    assert_eq!(site.app.db.count("signed_in_clients").await, 0);
}

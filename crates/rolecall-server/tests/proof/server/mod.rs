//! Compares the server with the model, over its HTTP API in-process.

mod explanation;
mod final_state;
mod refusal;
mod request;

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use rolecall::{Clock as _, Denial, Timestamp};
use serde_json::{Value, json};

use crate::{
    command::{Act, Command, Name},
    explanation::Question,
    model::{self, Model, Names, Times, Token},
    play::{Counts, Implementation},
    support::{Database, PASSWORD, RequestBuilder, Response, TestApp, claims},
};

use refusal::refusal_of;

/// A new database is used after this many sequences.
const SEQUENCES_PER_DATABASE: usize = 200;

/// The database of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A server, and its ids and tokens for the names of the script.
pub(crate) struct Server {
    backend: Backend,
    app: Option<TestApp>,
    played: usize,
    /// The start of the script.
    started_at: Timestamp,
    /// By the id of the user in the model.
    ids: BTreeMap<usize, String>,
    /// The last id of each username, even if the user was deleted.
    last_ids: BTreeMap<Name, String>,
    tokens: BTreeMap<Name, String>,
    refresh_tokens: BTreeMap<Name, String>,
    /// The id of the last request, by the path of the assignment.
    requests: BTreeMap<String, String>,
    /// The token of `admin`, who may do everything and is not part of the model.
    admin_token: String,
    log_ins: usize,
    counts: Counts,
}

type Check = Result<(), String>;

fn expect_equal<T: PartialEq + std::fmt::Debug>(what: &str, server: &T, model: &T) -> Check {
    if server == model {
        Ok(())
    } else {
        Err(format!("{what}:\nserver: {server:?}\nmodel: {model:?}"))
    }
}

fn names(list: &Value) -> Names {
    let texts = list.as_array().into_iter().flatten();
    texts
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn words(text: &Value) -> Names {
    let words = text.as_str().unwrap_or_default().split_whitespace();
    words.map(str::to_owned).collect()
}

impl Server {
    /// `None` if the database is not installed.
    pub(crate) async fn on(backend: Backend) -> Option<Self> {
        let mut server = Self {
            backend,
            app: None,
            played: 0,
            started_at: Timestamp::from_seconds(0),
            ids: BTreeMap::new(),
            last_ids: BTreeMap::new(),
            tokens: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            requests: BTreeMap::new(),
            admin_token: String::new(),
            log_ins: 0,
            counts: Counts::default(),
        };
        server.open().await.then_some(server)
    }

    async fn open(&mut self) -> bool {
        let database = match self.backend {
            Backend::Sqlite => Some(Database::sqlite_in(fast_folder())),
            Backend::Postgres => Database::postgres().await,
        };
        let Some(database) = database else {
            return false;
        };
        let app = TestApp::configured(database, |builder| {
            // the clock jumps: an automatic key rotation would invalidate tokens
            let builder = builder.sessions_per_user(10_000);
            builder.rotate_every(Duration::ZERO)
        });
        self.app = Some(app.await);
        true
    }

    fn app(&self) -> &TestApp {
        self.app.as_ref().unwrap()
    }

    /// Enables or disables `admin` in the database. It is enabled only while nothing is compared, since the model
    /// does not know it.
    async fn enable_admin(&self, allow: bool) {
        let disabled = if allow { "FALSE" } else { "TRUE" };
        let sql = format!("UPDATE users SET disabled = {disabled} WHERE username = 'admin'");
        self.app().db.execute(&sql).await;
    }

    /// A valid token of `admin`.
    async fn admin_token(&mut self) -> String {
        if self.app().guard().verify(&self.admin_token).is_err() {
            self.enable_admin(true).await;
            self.admin_token = self.app().log_in("admin").await;
            self.enable_admin(false).await;
        }
        self.admin_token.clone()
    }

    /// Removes the state that the last script left.
    async fn clear(&mut self) -> Check {
        let admin_token = self.admin_token().await;
        let page = self.app().get("/api/users?limit=200", &admin_token).await;
        let others = page.items("id").into_iter().zip(page.items("username"));
        for (id, _) in others.filter(|(_, name)| name != "admin") {
            let deletion = self
                .app()
                .request(Method::DELETE, format!("/api/users/{id}"));
            self.send_as_admin(deletion).await?;
        }
        let empty = self.app().request(Method::PUT, "/api/policy");
        let empty = empty.header("if-match", "*").json(&json!({}));
        self.send_as_admin(empty).await?;
        let body = json!({ "username": "root", "password": PASSWORD, "roles": [model::ADMIN] });
        let root = self.app().request(Method::POST, "/api/users").json(&body);
        let root = self.send_as_admin(root).await?;
        self.ids = BTreeMap::from([(0, root.text("id"))]);
        self.last_ids = BTreeMap::from([("root".to_owned(), root.text("id"))]);
        self.tokens.clear();
        self.refresh_tokens.clear();
        self.requests.clear();
        self.started_at = self.app().clock.now();
        Ok(())
    }

    /// Sends a request as `admin`, which must succeed.
    async fn send_as_admin(&mut self, request: RequestBuilder) -> Result<Response, String> {
        let admin_token = self.admin_token().await;
        self.enable_admin(true).await;
        let response = request.token(&admin_token).send().await;
        self.enable_admin(false).await;
        expect_equal("preparation succeeds", &response.status.is_success(), &true)?;
        Ok(response)
    }

    /// An address without failures.
    fn address(&mut self) -> String {
        self.log_ins += 1;
        let number = self.log_ins;
        format!(
            "10.{}.{}.{}",
            number >> 16 & 255,
            number >> 8 & 255,
            number & 255
        )
    }

    fn at(&self, seconds: i64) -> String {
        let micros = self.started_at.micros() + seconds * 1_000_000;
        jiff::Timestamp::from_microsecond(micros)
            .unwrap()
            .to_string()
    }

    fn seconds(&self, time: &Value) -> Option<i64> {
        let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
        Some((time.as_microsecond() - self.started_at.micros()) / 1_000_000)
    }

    /// Compares the claims of a new token with the model, and keeps the tokens.
    fn record_token(&mut self, session: &Name, token: &Token, response: &Response) -> Check {
        let access = response.text("access_token");
        let claims = claims(&access);
        expect_equal("roles", &names(&claims["roles"]), &token.roles)?;
        expect_equal("scope", &words(&claims["scope"]), &token.permissions)?;
        expect_equal(
            "tenant",
            &claims["tenant"].as_str(),
            &token.tenant.as_deref(),
        )?;
        expect_equal(
            "tenant",
            &response.json["tenant"].as_str(),
            &token.tenant.as_deref(),
        )?;
        let narrowed = claims["narrowed"].as_bool().unwrap_or_default();
        expect_equal("narrowed", &narrowed, &token.narrowed)?;
        let ends = claims["exp"]
            .as_i64()
            .map(|exp| exp - self.started_at.seconds());
        expect_equal("exp", &ends, &Some(token.ends))?;
        expect_equal(
            "sub",
            &claims["sub"].as_str(),
            &self.ids.get(&token.user).map(String::as_str),
        )?;
        self.tokens.insert(token.name.clone(), access);
        let refresh = response.text("refresh_token");
        self.refresh_tokens.insert(session.clone(), refresh);
        Ok(())
    }

    /// Checks that every token is refused exactly when a floor revokes it or it has expired.
    fn check_tokens(&mut self, model: &Model) -> Check {
        let guard = self.app().guard();
        for (name, token) in &model.tokens {
            let verified = guard.verify(&self.tokens[name]);
            let valid = model.is_valid(token);
            self.counts.token_checks += 1;
            self.counts.tokens_refused += usize::from(!valid);
            match verified {
                Ok(principal) => {
                    expect_equal(
                        name,
                        &"accepted",
                        &if valid { "accepted" } else { "refused" },
                    )?;
                    let roles: Names = principal.roles().map(str::to_owned).collect();
                    let held: Names = principal.permissions().map(str::to_owned).collect();
                    expect_equal(name, &roles, &token.roles)?;
                    expect_equal(name, &held, &token.permissions)?;
                }
                Err(Denial::EndedToken) if !valid => {}
                Err(denial) => return Err(format!("{name} is refused: {denial:?}")),
            }
        }
        Ok(())
    }

    /// Compares the response with the outcome.
    fn compare(response: &Response, expected: &model::Outcome) -> Check {
        let status = response.status.as_u16();
        let agrees = match expected {
            model::Outcome::Done(done) => status == *done,
            model::Outcome::Refused(any) => any.contains(&refusal_of(response)),
        };
        if agrees {
            return Ok(());
        }
        let found = if response.status.is_success() {
            status.to_string()
        } else {
            format!("{} {}", refusal_of(response), response.json)
        };
        Err(format!("server: {found}\nmodel: {expected}"))
    }

    async fn decide(
        &mut self,
        model: &Model,
        command: &Command,
        expected: &model::Outcome,
    ) -> Check {
        let Command::Ask { user, need, tenant } = command else {
            return Ok(());
        };
        let admin_token = self.admin_token().await;
        let id = self.last_ids.get(user);
        let id = id.map_or("nobody", String::as_str);
        let question = json!({ "subject": id, "permission": need, "tenant": tenant });
        let response = self
            .app()
            .post("/api/decisions", &admin_token, question)
            .await;
        Self::compare(&response, expected)?;
        let Some(known) = model.users.get(user) else {
            return Ok(());
        };
        let (user, tenant) = (known.id, tenant.as_deref());
        let question = Question { user, need, tenant };
        self.check_explanation(model, question, known.disabled, &response.json)
    }

    fn times(&self, assignment: &Value) -> Times {
        Times {
            from: self.seconds(&assignment["valid_from"]),
            until: self.seconds(&assignment["expires_at"]),
        }
    }
}

/// A folder in memory, if the machine has one: durability is not compared here.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Implementation for Server {
    fn name(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
        }
    }

    async fn reset(&mut self) -> Check {
        if self.played % SEQUENCES_PER_DATABASE == SEQUENCES_PER_DATABASE - 1 {
            self.open().await;
        }
        self.played += 1;
        self.clear().await
    }

    async fn recreate(&mut self) {
        self.open().await;
    }

    async fn run(
        &mut self,
        command: &Command,
        (_, after): (&Model, &Model),
        expected: &model::Outcome,
    ) -> Check {
        match command {
            Command::Pass(seconds) => {
                let seconds = u64::try_from(*seconds).map_err(|error| error.to_string())?;
                self.app().pass_time(Duration::from_secs(seconds));
            }
            Command::Ask { .. } => self.decide(after, command, expected).await?,
            _ => {
                if let Command::By {
                    act: Act::Confirm(_) | Act::EndRequest(_),
                    ..
                } = command
                {
                    self.look_up_requests().await;
                }
                let response = self.request(command).send().await;
                Self::compare(&response, expected)?;
                if expected.is_done() {
                    self.record(command, after, &response)?;
                } else if matches!(command, Command::LogIn { .. }) {
                    self.app().clear_failures().await;
                }
            }
        }
        self.check_tokens(after)
    }

    async fn finish(&mut self, model: &Model) -> Check {
        self.compare_policy(model).await?;
        self.compare_assignments(model).await?;
        let requests = self.look_up_requests().await;
        expect_equal("requests", &requests, &model.requests.len())?;
        let mut model = model.clone();
        let users: Vec<Name> = model.users.keys().cloned().collect();
        for user in users {
            for tenant in [None, Some("acme"), Some("beta")] {
                let token = format!("last-of-{user}-{}", tenant.unwrap_or_default());
                let command = Command::LogIn {
                    token,
                    user: user.clone(),
                    tenant: tenant.map(str::to_owned),
                    scope: Vec::new(),
                };
                let before = model.clone();
                if let Some(expected) = model.run(&command) {
                    self.run(&command, (&before, &model), &expected).await?;
                }
            }
        }
        Ok(())
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }
}

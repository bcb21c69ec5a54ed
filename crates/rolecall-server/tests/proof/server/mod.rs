//! The server compared with the model, over its HTTP API in the process.

mod explained;
mod refused;
mod request;
mod whole;

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use rolecall::{Clock as _, Denial, Timestamp};
use serde_json::{Value, json};

use crate::{
    command::{Act, Command, Name},
    model::{self, Model, Names, Times, Token},
    play::{Compared, Counts},
    support::{Answer, Ask, CHEAP, Database, PASSWORD, TestApp, claims},
    truth::Question,
};

use refused::refusal;

/// After so many sequences another database is begun.
const SEQUENCES_A_DATABASE: usize = 200;

/// Which database is below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    Sqlite,
    Postgres,
}

/// A server, and what the names of the script are there.
pub(crate) struct Server {
    below: Below,
    app: Option<TestApp>,
    played: usize,
    /// When the script began.
    began: Timestamp,
    /// By the model's number of a user.
    ids: BTreeMap<usize, String>,
    /// The last id of each user name, whether or not it is there yet.
    last_ids: BTreeMap<Name, String>,
    tokens: BTreeMap<Name, String>,
    refresh_tokens: BTreeMap<Name, String>,
    /// By the address of the assignment that was asked for.
    requests: BTreeMap<String, String>,
    /// The token of somebody who may do everything and is no part of the model.
    keeper: String,
    log_ins: usize,
    counts: Counts,
}

type Done = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, server: &T, model: &T) -> Done {
    if server == model {
        Ok(())
    } else {
        Err(format!(
            "{what}:\nthe server says {server:?}\nthe model {model:?}"
        ))
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
    /// `None` where there is no such database.
    pub(crate) async fn on(below: Below) -> Option<Self> {
        let mut server = Self {
            below,
            app: None,
            played: 0,
            began: Timestamp::from_seconds(0),
            ids: BTreeMap::new(),
            last_ids: BTreeMap::new(),
            tokens: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            requests: BTreeMap::new(),
            keeper: String::new(),
            log_ins: 0,
            counts: Counts::default(),
        };
        server.open().await.then_some(server)
    }

    async fn open(&mut self) -> bool {
        let database = match self.below {
            Below::Sqlite => Some(Database::sqlite_in(fast_folder())),
            Below::Postgres => Database::postgres().await,
        };
        let Some(database) = database else {
            return false;
        };
        let app = TestApp::on(database, |builder| {
            // time passes in leaps here: keys that took turns would take their tokens with them
            let builder = builder.hashing(CHEAP).sessions_per_user(10_000);
            builder.rotate_every(Duration::ZERO)
        });
        self.app = Some(app.await);
        true
    }

    fn app(&self) -> &TestApp {
        self.app.as_ref().unwrap()
    }

    /// Whoever sets up and asks is an administrator that is there while nothing is compared only: `admin`, who
    /// is disabled behind the server's back for as long as a script is played.
    async fn allow_keeper(&self, allow: bool) {
        let disabled = if allow { "FALSE" } else { "TRUE" };
        let sql = format!("UPDATE users SET disabled = {disabled} WHERE username = 'admin'");
        self.app().db.execute(&sql).await;
    }

    /// The keeper's token.
    async fn keeper(&mut self) -> String {
        if self.app().guard().verify(&self.keeper).is_err() {
            self.allow_keeper(true).await;
            self.keeper = self.app().login("admin").await;
            self.allow_keeper(false).await;
        }
        self.keeper.clone()
    }

    /// Takes away what the last script left.
    async fn clear(&mut self) -> Done {
        let keeper = self.keeper().await;
        let page = self.app().get("/api/users?limit=200", &keeper).await;
        let others = page.items("id").into_iter().zip(page.items("username"));
        for (id, _) in others.filter(|(_, name)| name != "admin") {
            let gone = self
                .app()
                .request(Method::DELETE, format!("/api/users/{id}"));
            self.set_up(gone).await?;
        }
        let empty = self.app().request(Method::PUT, "/api/policy");
        let empty = empty.header("if-match", "*").json(&json!({}));
        self.set_up(empty).await?;
        let body = json!({ "username": "root", "password": PASSWORD, "roles": [model::ADMIN] });
        let root = self.app().request(Method::POST, "/api/users").json(&body);
        let root = self.set_up(root).await?;
        self.ids = BTreeMap::from([(0, root.text("id"))]);
        self.last_ids = BTreeMap::from([("root".to_owned(), root.text("id"))]);
        self.tokens.clear();
        self.refresh_tokens.clear();
        self.requests.clear();
        self.began = self.app().clock.now();
        Ok(())
    }

    /// Has the keeper do something.
    async fn set_up(&mut self, ask: Ask) -> Result<Answer, String> {
        let keeper = self.keeper().await;
        self.allow_keeper(true).await;
        let answer = ask.token(&keeper).send().await;
        self.allow_keeper(false).await;
        same("is set up", &answer.status.is_success(), &true)?;
        Ok(answer)
    }

    /// An address that nobody has failed from.
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
        let micros = self.began.micros() + seconds * 1_000_000;
        jiff::Timestamp::from_microsecond(micros)
            .unwrap()
            .to_string()
    }

    fn seconds(&self, time: &Value) -> Option<i64> {
        let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
        Some((time.as_microsecond() - self.began.micros()) / 1_000_000)
    }

    /// What was given: claims, and what the guard makes of them.
    fn take_token(&mut self, session: &Name, token: &Token, answer: &Answer) -> Done {
        let access = answer.text("access_token");
        let claims = claims(&access);
        same("roles", &names(&claims["roles"]), &token.roles)?;
        same("scope", &words(&claims["scope"]), &token.permissions)?;
        same(
            "tenant",
            &claims["tenant"].as_str(),
            &token.tenant.as_deref(),
        )?;
        same(
            "tenant",
            &answer.json["tenant"].as_str(),
            &token.tenant.as_deref(),
        )?;
        let narrowed = claims["narrowed"].as_bool().unwrap_or_default();
        same("narrowed", &narrowed, &token.narrowed)?;
        let ends = claims["exp"].as_i64().map(|exp| exp - self.began.seconds());
        same("exp", &ends, &Some(token.ends))?;
        same(
            "sub",
            &claims["sub"].as_str(),
            &self.ids.get(&token.user).map(String::as_str),
        )?;
        self.tokens.insert(token.name.clone(), access);
        let refresh = answer.text("refresh_token");
        self.refresh_tokens.insert(session.clone(), refresh);
        Ok(())
    }

    /// Every token is refused exactly when a floor says so, or its time is over.
    fn look_at_tokens(&mut self, model: &Model) -> Done {
        let guard = self.app().guard();
        for (name, token) in &model.tokens {
            let verified = guard.verify(&self.tokens[name]);
            let stands = model.stands(token);
            self.counts.looks += 1;
            self.counts.ended += usize::from(!stands);
            match verified {
                Ok(principal) => {
                    same(name, &"let in", &if stands { "let in" } else { "ended" })?;
                    let roles: Names = principal.roles().map(str::to_owned).collect();
                    let held: Names = principal.permissions().map(str::to_owned).collect();
                    same(name, &roles, &token.roles)?;
                    same(name, &held, &token.permissions)?;
                }
                Err(Denial::EndedToken) if !stands => {}
                Err(denial) => return Err(format!("{name} is refused: {denial:?}")),
            }
        }
        Ok(())
    }

    /// Compares what was answered.
    fn compare(answer: &Answer, right: &model::Answer) -> Done {
        let status = answer.status.as_u16();
        let agrees = match right {
            model::Answer::Done(done) => status == *done,
            model::Answer::Refused(any) => any.contains(&refusal(answer)),
        };
        if agrees {
            return Ok(());
        }
        let given = if answer.status.is_success() {
            status.to_string()
        } else {
            format!("{} {}", refusal(answer), answer.json)
        };
        Err(format!("the server says {given}\nthe model {right}"))
    }

    async fn ask(&mut self, model: &Model, command: &Command, right: &model::Answer) -> Done {
        let Command::Ask { user, need, tenant } = command else {
            return Ok(());
        };
        let keeper = self.keeper().await;
        let id = self.last_ids.get(user);
        let id = id.map_or("nobody", String::as_str);
        let question = json!({ "subject": id, "permission": need, "tenant": tenant });
        let answer = self.app().post("/api/decisions", &keeper, question).await;
        Self::compare(&answer, right)?;
        let Some(known) = model.users.get(user) else {
            return Ok(());
        };
        let (user, tenant) = (known.id, tenant.as_deref());
        let question = Question { user, need, tenant };
        self.check_explanation(model, question, known.disabled, &answer.json)
    }

    fn times(&self, assignment: &Value) -> Times {
        Times {
            from: self.seconds(&assignment["valid_from"]),
            until: self.seconds(&assignment["expires_at"]),
        }
    }
}

/// A folder in memory, where the machine has one: that what was answered is on disk is not what is proved here.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Compared for Server {
    fn name(&self) -> &'static str {
        match self.below {
            Below::Sqlite => "sqlite",
            Below::Postgres => "postgres",
        }
    }

    async fn begin(&mut self) -> Done {
        if self.played % SEQUENCES_A_DATABASE == SEQUENCES_A_DATABASE - 1 {
            self.open().await;
        }
        self.played += 1;
        self.clear().await
    }

    async fn renew(&mut self) {
        self.open().await;
    }

    async fn run(
        &mut self,
        command: &Command,
        (_, after): (&Model, &Model),
        right: &model::Answer,
    ) -> Done {
        match command {
            Command::Pass(seconds) => {
                let seconds = u64::try_from(*seconds).map_err(|error| error.to_string())?;
                self.app().pass(Duration::from_secs(seconds));
            }
            Command::Ask { .. } => self.ask(after, command, right).await?,
            _ => {
                if let Command::By {
                    act: Act::Confirm(_) | Act::EndRequest(_),
                    ..
                } = command
                {
                    self.look_up_requests().await;
                }
                let answer = self.request(command).send().await;
                Self::compare(&answer, right)?;
                if right.is_done() {
                    self.note(command, after, &answer)?;
                } else if matches!(command, Command::LogIn { .. }) {
                    self.app().forgive().await;
                }
            }
        }
        self.look_at_tokens(after)
    }

    async fn end(&mut self, model: &Model) -> Done {
        self.compare_policy(model).await?;
        self.compare_assignments(model).await?;
        let requests = self.look_up_requests().await;
        same("requests", &requests, &model.requests.len())?;
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
                if let Some(right) = model.run(&command) {
                    self.run(&command, (&before, &model), &right).await?;
                }
            }
        }
        Ok(())
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }
}

//! The server is killed while people sign in.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use super::process::{Reply, Server};
use crate::support::{CHALLENGE, Database, PASSWORD, VERIFIER, eventually, on_both};

on_both![a_killed_server_forgets_no_sign_in_that_it_answered];

const REDIRECT: &str = "https://app.example/cb";
/// The sign-ins that are answered before the server is killed.
const ENOUGH: usize = 6;

/// A browser, and what the server has answered to it.
struct Visitor<'a> {
    server: &'a Server,
    client: &'a str,
    cookies: BTreeMap<String, String>,
}

/// What a client and a browser hold after a sign-in, as far as it was answered.
struct Answered {
    cookies: BTreeMap<String, String>,
    code: String,
    refresh: Option<String>,
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs).finish()
}

impl Visitor<'_> {
    async fn send(&mut self, line: &str, form: &[(&str, &str)]) -> Option<Reply> {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let reply = self
            .server
            .try_request(line, &cookies, &encoded(form))
            .await?;
        for cookie in reply.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Some(reply)
    }

    async fn authorize(&mut self, more: &[(&str, &str)]) -> Option<String> {
        let own = [
            ("client_id", self.client),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let query = encoded(&[&own[..], more].concat());
        let reply = self.send(&format!("GET /authorize?{query}"), &[]).await?;
        reply.is(303);
        Some(reply.headers("location")[0].to_owned())
    }

    /// Returns the flow of a sign-in that has begun.
    async fn begin(&mut self) -> Option<String> {
        let location = self.authorize(&[]).await?;
        Some(location.strip_prefix("/login?flow=").unwrap().to_owned())
    }

    async fn log_in(&mut self, flow: &str) -> Option<String> {
        let form = [
            ("flow", flow),
            ("username", "alice"),
            ("password", PASSWORD),
        ];
        let reply = self.send("POST /login", &form).await?;
        reply.is(303);
        Some(code_in(reply.headers("location")[0]))
    }

    async fn redeem(&mut self, code: &str) -> Option<Reply> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let reply = self.send("POST /token", &form).await?;
        // an answer that was cut off is none
        (reply.status != 200 || reply.json.is_object()).then_some(reply)
    }
}

fn code_in(location: &str) -> String {
    let query = location
        .strip_prefix(REDIRECT)
        .and_then(|rest| rest.strip_prefix('?'));
    let query = query.unwrap_or_else(|| panic!("no answer: {location}"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let code = pairs.find(|(name, _)| name == "code");
    code.unwrap_or_else(|| panic!("no code: {location}"))
        .1
        .into_owned()
}

/// Signs in again and again until the server is gone.
async fn sign_in_until_killed(server: &Server, client: &str, count: &AtomicUsize) -> Vec<Answered> {
    let mut all = Vec::new();
    loop {
        let mut visitor = Visitor {
            server,
            client,
            cookies: BTreeMap::new(),
        };
        let Some(flow) = visitor.begin().await else {
            return all;
        };
        let Some(code) = visitor.log_in(&flow).await else {
            return all;
        };
        let tokens = visitor.redeem(&code).await;
        let is_gone = tokens.is_none();
        let refresh = tokens.map(|reply| {
            let token = reply.is(200).json["refresh_token"].as_str();
            token.unwrap().to_owned()
        });
        all.push(Answered {
            cookies: visitor.cookies,
            code,
            refresh,
        });
        count.fetch_add(1, Ordering::Relaxed);
        if is_gone {
            return all;
        }
    }
}

async fn a_killed_server_forgets_no_sign_in_that_it_answered(db: Database) {
    let mut server = Server::start(db).await;
    let admin = server.admin().await;
    let alice = json!({ "username": "alice", "password": PASSWORD });
    server.json("POST /api/users", &admin, &alice).await.is(201);
    let client = json!({
        "name": "app", "grants": ["authorization_code", "refresh_token"], "public": true, "kind": "browser",
        "consent": "skip", "redirect_uris": [REDIRECT],
    });
    let client = server.json("POST /api/clients", &admin, &client).await;
    let client = client.is(201).json["client_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut begun = Visitor {
        server: &server,
        client: &client,
        cookies: BTreeMap::new(),
    };
    let flow = begun.begin().await.unwrap();
    let cookies = begun.cookies;
    let count = AtomicUsize::new(0);
    let killed = async {
        eventually("some sign-ins are answered", async || {
            count.load(Ordering::Relaxed) >= ENOUGH
        })
        .await;
        server.signal("KILL");
    };
    let run = || sign_in_until_killed(&server, &client, &count);
    let (one, two, three, ()) = tokio::join!(run(), run(), run(), killed);
    server.kill_and_start_again().await;
    let answered: Vec<Answered> = [one, two, three].into_iter().flatten().collect();
    assert!(answered.len() >= ENOUGH);
    // the sign-in that was begun goes on
    let mut begun = Visitor {
        server: &server,
        client: &client,
        cookies,
    };
    let code = begun.log_in(&flow).await.unwrap();
    begun.redeem(&code).await.unwrap().is(200);
    for one in answered {
        let mut visitor = Visitor {
            server: &server,
            client: &client,
            cookies: one.cookies,
        };
        code_in(&visitor.authorize(&[("prompt", "none")]).await.unwrap());
        let Some(refresh) = one.refresh else {
            // whether it was spent is not known, but it is not spent twice
            let before = visitor.redeem(&one.code).await.unwrap().status;
            let again = visitor.redeem(&one.code).await.unwrap().status;
            assert!([200, 400].contains(&before) && again == 400);
            continue;
        };
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client.as_str()),
            ("refresh_token", refresh.as_str()),
        ];
        visitor.send("POST /token", &form).await.unwrap().is(200);
        visitor.redeem(&one.code).await.unwrap().is(400);
    }
}

//! Who is told of what, for random orders of sign-ins and endings, against a simple model.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use proptest::prelude::*;

use super::support::{
    Browser, Client, RelyingParty, SignedIn, Site, all_sent, create_client, is_page,
};
use crate::support::{Database, Fixture as _};

const USERS: [&str; 2] = ["alice", "bob"];
const BROWSERS: usize = 2;
/// The last one is not told of anything.
const CLIENTS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A user signs in to a client with a browser, and perhaps to stay.
    SignIn {
        browser: usize,
        user: usize,
        client: usize,
        stays: bool,
    },
    /// The browser of somebody logs out: with the hint of the newest sign-in in it, or by the page.
    LogOut { browser: usize, by_hint: bool },
    /// An administrator ends all sessions of a user.
    EndAll { user: usize },
    /// A user ends one session, if there is one.
    EndOne { user: usize, which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sign_in = (0..BROWSERS, 0..USERS.len(), 0..CLIENTS, any::<bool>());
    let sign_in = sign_in.prop_map(|(browser, user, client, stays)| Step::SignIn {
        browser,
        user,
        client,
        stays,
    });
    let log_out = (0..BROWSERS, any::<bool>());
    let log_out = log_out.prop_map(|(browser, by_hint)| Step::LogOut { browser, by_hint });
    let end_all = (0..USERS.len()).prop_map(|user| Step::EndAll { user });
    let end_one = (0..USERS.len(), 0..8_usize);
    let end_one = end_one.prop_map(|(user, which)| Step::EndOne { user, which });
    let step = prop_oneof![5 => sign_in, 2 => log_out, 1 => end_all, 2 => end_one];
    prop::collection::vec(step, 1..14)
}

/// A session of a client that has not ended.
#[derive(Clone, Debug)]
struct Live {
    user: usize,
    client: usize,
    /// The browser session that it was opened in, while that lives.
    opened_in: Option<u32>,
    stays: bool,
    tokens: SignedIn,
}

#[derive(Default)]
struct Model {
    /// Who is signed in with which browser, by the number of the browser session.
    browsers: [Option<(usize, u32)>; BROWSERS],
    next: u32,
    live: BTreeMap<String, Live>,
    /// The sessions that each client was told of.
    told: [BTreeSet<String>; CLIENTS],
    ended: Vec<Live>,
}

impl Model {
    fn tell(&mut self, sid: &str, client: usize) {
        if client + 1 < CLIENTS {
            self.told[client].insert(sid.to_owned());
        }
    }

    fn end_browser_session(&mut self, number: u32) {
        let opened: Vec<(String, Live)> = self
            .live
            .iter()
            .filter(|(_, one)| one.opened_in == Some(number))
            .map(|(sid, one)| (sid.clone(), one.clone()))
            .collect();
        for (sid, one) in opened {
            self.tell(&sid, one.client);
            if one.stays {
                // told once, and goes on
                self.live.get_mut(&sid).unwrap().opened_in = None;
            } else {
                self.live.remove(&sid);
                self.ended.push(one);
            }
        }
    }

    fn end_session(&mut self, sid: &str) {
        let one = self.live.remove(sid).unwrap();
        if one.opened_in.is_some() {
            self.tell(sid, one.client);
        }
        self.ended.push(one);
    }

    fn of(&self, user: usize) -> Vec<String> {
        let of_user = self.live.iter().filter(|(_, one)| one.user == user);
        of_user.map(|(sid, _)| sid.clone()).collect()
    }
}

struct World {
    site: Site,
    clients: Vec<Client>,
    parties: Vec<RelyingParty>,
    browsers: Vec<Browser>,
    ids: Vec<String>,
    model: Model,
}

impl World {
    async fn new(db: Database) -> Self {
        let site = Site::on(db).await;
        let (mut clients, mut parties) = (Vec::new(), Vec::new());
        for place in 0..CLIENTS {
            let party = RelyingParty::listen().await;
            let url = (place + 1 < CLIENTS).then_some(party.url.as_str());
            clients.push(create_client(&site, &format!("c{place}"), url, "ES256").await);
            parties.push(party);
        }
        let mut ids = Vec::new();
        for user in USERS {
            ids.push(site.id_of(user).await);
        }
        Self {
            site,
            clients,
            parties,
            browsers: vec![Browser::default(); BROWSERS],
            ids,
            model: Model::default(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::SignIn {
                browser,
                user,
                client,
                stays,
            } => self.sign_in(browser, user, client, stays).await,
            Step::LogOut { browser, by_hint } => self.log_out(browser, by_hint).await,
            Step::EndAll { user } => {
                let path = format!("/api/users/{}/sessions", self.ids[user]);
                let admin = self.site.admin().await;
                self.site.delete(path, admin).await.no_content();
                for place in 0..BROWSERS {
                    if let Some((_, number)) =
                        self.model.browsers[place].take_if(|(of, _)| *of == user)
                    {
                        self.model.end_browser_session(number);
                    }
                }
                for sid in self.model.of(user) {
                    self.model.end_session(&sid);
                }
            }
            Step::EndOne { user, which } => {
                let sids = self.model.of(user);
                let Some(sid) = sids.get(which) else { return };
                let token = &self.model.live[sid].tokens.access;
                let request = self
                    .site
                    .request(Method::POST, "/api/me/logout")
                    .token(token);
                request.send().await.no_content();
                self.model.end_session(sid);
            }
        }
    }

    async fn sign_in(&mut self, browser: usize, user: usize, client: usize, stays: bool) {
        let scope = if stays {
            "openid offline_access"
        } else {
            "openid"
        };
        let signing = &mut self.browsers[browser];
        let tokens = signing
            .sign_in(&self.site, &self.clients[client], USERS[user], scope)
            .await;
        let number = match self.model.browsers[browser] {
            Some((of, number)) if of == user => number,
            other => {
                if let Some((_, number)) = other {
                    self.model.end_browser_session(number);
                }
                self.model.next += 1;
                self.model.next
            }
        };
        self.model.browsers[browser] = Some((user, number));
        let live = Live {
            user,
            client,
            opened_in: Some(number),
            stays,
            tokens: tokens.clone(),
        };
        self.model.live.insert(tokens.sid, live);
    }

    async fn log_out(&mut self, browser: usize, by_hint: bool) {
        let number = self.model.browsers[browser]
            .take()
            .map(|(_, number)| number);
        let mut newest = self
            .model
            .live
            .values()
            .filter(|one| number.is_some() && one.opened_in == number);
        let hint = newest.next_back().map(|one| one.tokens.id_token.clone());
        let page = if let Some(hint) = hint.filter(|_| by_hint) {
            self.browsers[browser]
                .log_out(&self.site, &[("id_token_hint", &hint)])
                .await
        } else {
            let page = self.browsers[browser].log_out(&self.site, &[]).await;
            match number {
                Some(_) => self.browsers[browser].confirm(&self.site, &page).await,
                None => page,
            }
        };
        assert!(!is_page(&page, 200).contains("<form"));
        if let Some(number) = number {
            self.model.end_browser_session(number);
        }
    }

    async fn check(&self) {
        all_sent(&self.site.app).await;
        for (party, told) in self.parties.iter().zip(&self.model.told) {
            let expected: Vec<String> = told.iter().cloned().collect();
            assert_eq!(party.sids(), expected);
        }
        for one in self.model.live.values() {
            self.site.get("/userinfo", &one.tokens.access).await.is(200);
        }
        for one in &self.model.ended {
            assert_eq!(
                self.site.get("/userinfo", &one.tokens.access).await.status,
                401
            );
        }
    }
}

fn run_all(steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(Database::sqlite()).await;
        for step in steps {
            world.take(step).await;
            world.check().await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn i103_m085_clients_hear_of_the_sessions_that_end_and_of_no_other(steps in steps()) {
        run_all(steps);
    }
}

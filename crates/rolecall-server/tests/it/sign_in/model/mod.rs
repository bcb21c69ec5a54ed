//! Random interleavings of what two browsers of two users may send to two nodes for three clients, against a model.
//!
//! The model knows who has proven what in which flow and when, who has which second factor and which recovery codes, and
//! which request needs a factor, so that whoever has none adds it on the way. Nobody is signed in without all that was due,
//! ten wrong answers end a flow, no code is spent twice, none works after it was replaced, and no request changes after it
//! was parsed.

mod acts;
mod credentials;

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use rolecall::{Acr, Clock as _, Timestamp};
use rolecall_passkeys::testing::Authenticator;
use serde_json::json;

use self::acts::{factors, steps};
use super::{REDIRECT, Site, create_client, has_ended, is_page, leads_to_page};
use crate::support::{
    Browser, Credentials, Database, Fixture as _, Node, PASSWORD, Phone, Response, SignInAnswer,
    WRONG, claims, eventually, on_both,
};

const USERS: [&str; 2] = ["alice", "bob"];
const BROWSERS: usize = 2;
/// The client that asks for no consent; the others do.
const FIRST_PARTY: usize = 0;
const CLIENTS: usize = 3;
/// The wrong passwords, passkeys and codes after which a flow ends.
const MOST_WRONG: u32 = 10;
/// The time for which a password or passkey does for any `max_age`.
const TYPED_NOW: Duration = Duration::from_mins(5);
/// The `claims` of a request that needs a second factor.
const STRONG: &str = r#"{"id_token":{"acr":{"essential":true,"values":["aal2"]}}}"#;
/// For the next code of an application.
const NEXT_CODE: Duration = Duration::from_secs(30);
/// An answer that no passkey gives.
const NO_ANSWER: &str = "{}";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    Any,
    None,
    Login,
    SelectAccount,
    Consent,
}

/// What somebody sends. Flows and codes are those of the whole run, counted from the newest, so that browsers send forms
/// of pages from before, of other windows and of the other browser.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin {
        client: usize,
        prompt: Prompt,
        /// The most seconds since the sign-in.
        max_age: Option<u64>,
        /// The request needs a second factor. It asks for a new sign-in then, whose age does not count.
        is_strong: bool,
    },
    Password {
        flow: usize,
        user: usize,
        is_right: bool,
    },
    /// Several wrong passwords in a row.
    Guesses {
        flow: usize,
        user: usize,
        times: usize,
    },
    Second {
        flow: usize,
        /// The user whose application shows the code.
        user: usize,
        is_right: bool,
    },
    /// A recovery code of a user, which is good, or was used or replaced before.
    Recovery {
        flow: usize,
        user: usize,
        is_good: bool,
    },
    /// The answer of the passkey of a user, alone or beside a password.
    Passkey {
        flow: usize,
        user: usize,
        is_right: bool,
    },
    /// The user of a flow adds a factor on its page, where one is needed.
    Enrol {
        flow: usize,
        is_right: bool,
    },
    /// A user gets a second factor, by an own token, or loses it, by the command line.
    Factor {
        user: usize,
        added: Option<Kind>,
    },
    /// A user who has a factor signs in elsewhere and makes new recovery codes.
    NewCodes {
        user: usize,
    },
    Continue {
        flow: usize,
    },
    StartOver {
        flow: usize,
    },
    Decide {
        flow: usize,
        allows: bool,
    },
    Show {
        flow: usize,
    },
    Redeem {
        code: usize,
        /// `None` for the client that it is for.
        by: Option<usize>,
        is_proven: bool,
    },
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Totp,
    Passkey,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    browser: usize,
    node: usize,
    act: Act,
}

/// How the subject of a flow is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// By a password or a passkey in this flow.
    New,
    /// By an earlier sign-in with the browser, as it was then.
    Session(SignedIn),
}

/// What somebody has proven beside a password, or alone, and what rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    /// The factor with this number.
    Factor(usize),
    /// A recovery code of this user.
    Recovery(usize),
}

/// The credentials on which a sign-in rests, and ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Basis {
    factor: Option<Credential>,
    recovery: Option<Credential>,
}

impl Basis {
    fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn has(self, credential: Credential) -> bool {
        [self.factor, self.recovery].contains(&Some(credential))
    }

    /// What a sign-in rests on in which this was proven, too.
    fn with(self, proven: Option<Credential>) -> Self {
        match proven {
            Some(Credential::Factor(_)) => Self {
                factor: proven,
                ..self
            },
            Some(Credential::Recovery(_)) => Self {
                recovery: proven,
                ..self
            },
            None => self,
        }
    }
}

/// A user who is known in a flow, and the factor that they have proven in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    user: usize,
    proof: Proof,
    /// When they proved who they are, in this flow or for the session.
    at: Timestamp,
    factor: Option<Credential>,
}

impl Known {
    /// Returns true if a factor was proven, in the flow or before it.
    fn has_factor(self) -> bool {
        let is_before = match self.proof {
            Proof::New => false,
            Proof::Session(before) => !before.basis.is_empty(),
        };
        is_before || self.factor.is_some()
    }
}

/// Somebody who is signed in with a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SignedIn {
    user: usize,
    session: usize,
    auth_time: Timestamp,
    basis: Basis,
    acr: Acr,
}

impl SignedIn {
    fn known(self) -> Known {
        Known {
            user: self.user,
            proof: Proof::Session(self),
            at: self.auth_time,
            factor: None,
        }
    }

    /// Another window may have renewed the session since, with a password that was typed before, or with less.
    fn is_still(self, before: Self) -> bool {
        (self.user, self.session) == (before.user, before.session)
            && self.auth_time >= before.auth_time
            && self.acr >= before.acr
    }
}

/// The factor of a user, with a number of its own.
struct Factor {
    number: usize,
    id: String,
    device: Device,
}

enum Device {
    Phone(Phone),
    Key(Authenticator),
}

#[derive(Debug)]
struct Flow {
    id: String,
    browser: usize,
    client: usize,
    prompt: Prompt,
    max_age: Option<u64>,
    is_strong: bool,
    /// The `state` and `nonce` of its request.
    mark: String,
    subject: Option<Known>,
    /// The wrong answers so far.
    wrong: u32,
    has_ended: bool,
}

impl Flow {
    fn is_recent(&self, at: Timestamp, now: Timestamp) -> bool {
        self.max_age
            .is_none_or(|most| now.since(at).as_secs() <= most)
    }
}

#[derive(Debug)]
struct Code {
    value: String,
    user: usize,
    client: usize,
    session: usize,
    auth_time: Timestamp,
    basis: Basis,
    mark: String,
    expires_at: Timestamp,
    is_spent: bool,
    /// It was deleted with the factor that it rested on.
    is_gone: bool,
    /// The tokens that it was redeemed for.
    tokens: Option<usize>,
}

struct Tokens {
    access: String,
    session: usize,
    basis: Basis,
    has_ended: bool,
}

#[derive(Default)]
struct Model {
    flows: Vec<Flow>,
    codes: Vec<Code>,
    tokens: Vec<Tokens>,
    browsers: [Option<SignedIn>; BROWSERS],
    factors: [Option<Factor>; USERS.len()],
    /// The factors so far.
    numbers: usize,
    /// The recovery codes of the users that are good.
    good_codes: [Vec<String>; USERS.len()],
    /// Those that were used or replaced.
    dead_codes: [Vec<String>; USERS.len()],
    /// What the sessions of other browsers rest on.
    elsewhere: Vec<Credential>,
    sessions: usize,
    /// The users, and the clients that they have allowed.
    allowed: BTreeSet<(usize, usize)>,
}

impl Model {
    fn is_consent_due(&self, user: usize, flow: &Flow) -> bool {
        let is_new = flow.client != FIRST_PARTY && !self.allowed.contains(&(user, flow.client));
        is_new || flow.prompt == Prompt::Consent
    }

    /// What was proven may not hold any more when the flow comes to its end.
    fn holds(&self, flow: &Flow, known: Known, now: Timestamp) -> bool {
        match known.proof {
            Proof::New => flow.is_recent(known.at, now) || now.since(known.at) < TYPED_NOW,
            Proof::Session(before) => {
                let current = self.browsers[flow.browser];
                flow.is_recent(known.at, now) && current.is_some_and(|one| one.is_still(before))
            }
        }
    }

    /// Counts a wrong answer in a flow, and returns true if it was the last.
    fn count_wrong(&mut self, at: usize) -> bool {
        let flow = &mut self.flows[at];
        flow.wrong += 1;
        flow.has_ended = flow.wrong == MOST_WRONG;
        flow.has_ended
    }

    /// A user with a factor has to prove it, and nobody else any.
    fn is_second_due(&self, known: Known) -> bool {
        self.factors[known.user].is_some() && !known.has_factor()
    }

    /// A user without a factor adds one where the request needs it.
    fn is_enrolment_due(&self, flow: &Flow, known: Known) -> bool {
        flow.is_strong && self.factors[known.user].is_none() && !known.has_factor()
    }

    fn credential_of(&self, user: usize) -> Option<Credential> {
        let factor = self.factors[user].as_ref();
        factor.map(|factor| Credential::Factor(factor.number))
    }

    fn has(&self, user: usize, kind: Kind) -> bool {
        let device = self.factors[user].as_ref().map(|factor| &factor.device);
        match kind {
            Kind::Totp => matches!(device, Some(Device::Phone(_))),
            Kind::Passkey => matches!(device, Some(Device::Key(_))),
        }
    }

    /// The assurance of a password with this, or of a passkey alone.
    fn acr_with(&self, user: usize, proven: Option<Credential>) -> Acr {
        match proven {
            Some(Credential::Factor(_)) if self.has(user, Kind::Passkey) => Acr::Phr,
            Some(_) => Acr::Aal2,
            None => Acr::Aal1,
        }
    }

    /// The first factor of a user, who gets recovery codes with it.
    fn gain(&mut self, user: usize, id: &str, device: Device, codes: Vec<String>) {
        assert_eq!(codes.len(), 10);
        self.numbers += 1;
        self.factors[user] = Some(Factor {
            number: self.numbers,
            id: id.to_owned(),
            device,
        });
        self.replace_codes(user, codes);
    }

    /// The codes of a user before are good no more.
    fn replace_codes(&mut self, user: usize, codes: Vec<String>) {
        let before = std::mem::replace(&mut self.good_codes[user], codes);
        self.dead_codes[user].extend(before);
    }

    /// The session of a browser after a user has signed in with it.
    fn conclude(&mut self, browser: usize, known: Known) -> SignedIn {
        let Known {
            user, at, factor, ..
        } = known;
        let before = self.browsers[browser];
        let session = match before {
            Some(before) if before.user == user => before.session,
            before => {
                if let Some(before) = before {
                    self.end(before.session);
                }
                self.sessions += 1;
                self.sessions
            }
        };
        let by_factor = self.acr_with(user, factor);
        let (auth_time, basis, acr) = match (known.proof, before) {
            // a factor adds to the session, which another window may have renewed since
            (Proof::Session(_), Some(before)) => {
                let acr = factor.map_or(before.acr, |_| by_factor);
                (before.auth_time, before.basis, acr)
            }
            _ => (at, Basis::default(), by_factor),
        };
        let signed_in = SignedIn {
            user,
            session,
            auth_time,
            basis: basis.with(factor),
            acr,
        };
        self.browsers[browser] = Some(signed_in);
        signed_in
    }

    fn end(&mut self, session: usize) {
        for tokens in &mut self.tokens {
            tokens.has_ended |= tokens.session == session;
        }
    }

    fn lives(&self, session: usize) -> bool {
        self.browsers
            .iter()
            .flatten()
            .any(|one| one.session == session)
    }

    /// What rests on a factor or on a recovery code ends with it, and sign-ins of its owner under way begin again.
    fn lose(&mut self, user: usize, factor: Credential) {
        self.elsewhere.retain(|one| *one != factor);
        for browser in 0..BROWSERS {
            let signed_in = self.browsers[browser];
            if let Some(one) = signed_in.filter(|one| one.basis.has(factor)) {
                self.end(one.session);
                self.browsers[browser] = None;
            }
        }
        for tokens in &mut self.tokens {
            tokens.has_ended |= tokens.basis.has(factor);
        }
        for code in &mut self.codes {
            code.is_gone |= code.basis.has(factor) && !code.is_spent;
        }
        for flow in &mut self.flows {
            if flow.subject.is_some_and(|known| known.user == user) {
                flow.subject = None;
            }
        }
    }
}

struct World<'a> {
    site: &'a Site,
    second: &'a Node,
    browsers: Vec<Browser<'a>>,
    ids: Vec<String>,
    third: &'a Credentials,
    model: Model,
}

impl<'a> World<'a> {
    async fn new(site: &'a Site, second: &'a Node, third: &'a Credentials) -> Self {
        let mut ids = Vec::new();
        for user in USERS {
            ids.push(site.id_of(user).await);
        }
        Self {
            site,
            second,
            browsers: (0..BROWSERS).map(|_| Browser::new(site)).collect(),
            ids,
            third,
            model: Model::default(),
        }
    }

    fn node(&self, number: usize) -> &'a Node {
        if number == 0 { self.site } else { self.second }
    }

    fn client(&self, number: usize) -> &'a Credentials {
        match number {
            FIRST_PARTY => &self.site.first,
            1 => &self.site.other,
            _ => self.third,
        }
    }

    fn now(&self) -> Timestamp {
        self.site.app.clock.now()
    }

    fn flow_at(&self, from_newest: usize) -> Option<usize> {
        self.model.flows.len().checked_sub(from_newest + 1)
    }

    async fn take(&mut self, step: Step) {
        let node = self.node(step.node);
        self.browsers[step.browser].go_to(node);
        match step.act {
            Act::Begin { .. } => self.begin(step.browser, step.act).await,
            Act::Redeem {
                code,
                by,
                is_proven,
            } => {
                let at = self.model.codes.len().checked_sub(code + 1);
                if let Some(at) = at {
                    self.redeem(at, node, by, is_proven).await;
                }
            }
            Act::Wait => self.site.pass_time(Duration::from_secs(25)),
            Act::Guesses { flow, user, times } => {
                if let Some(at) = self.flow_at(flow) {
                    let is_right = false;
                    let guess = Act::Password {
                        flow,
                        user,
                        is_right,
                    };
                    for _ in 0..times {
                        self.act_in(at, step.browser, guess).await;
                    }
                }
            }
            Act::Factor { user, added } => self.change_factor(user, added).await,
            Act::NewCodes { user } => self.make_codes(user).await,
            Act::Password { flow, .. }
            | Act::Second { flow, .. }
            | Act::Recovery { flow, .. }
            | Act::Passkey { flow, .. }
            | Act::Enrol { flow, .. }
            | Act::Continue { flow }
            | Act::StartOver { flow }
            | Act::Decide { flow, .. }
            | Act::Show { flow } => {
                if let Some(at) = self.flow_at(flow) {
                    self.act_in(at, step.browser, step.act).await;
                }
            }
        }
    }

    async fn begin(&mut self, browser: usize, act: Act) {
        let Act::Begin {
            client,
            prompt,
            max_age,
            is_strong,
        } = act
        else {
            unreachable!("no request");
        };
        let mark = format!(
            "mark{}",
            self.model.flows.len() * 100 + self.model.codes.len()
        );
        let mut more = vec![
            ("scope", "openid"),
            ("state", mark.as_str()),
            ("nonce", mark.as_str()),
        ];
        more.extend(is_strong.then_some(("claims", STRONG)));
        let age = max_age.map(|age| age.to_string());
        more.extend(age.as_deref().map(|age| ("max_age", age)));
        more.extend(match prompt {
            Prompt::Any => None,
            Prompt::None => Some(("prompt", "none")),
            Prompt::Login => Some(("prompt", "login")),
            Prompt::SelectAccount => Some(("prompt", "select_account")),
            Prompt::Consent => Some(("prompt", "consent")),
        });
        let asking = self.client(client);
        let response = self.browsers[browser]
            .authorize(asking, REDIRECT, &more)
            .await;
        let mut flow = Flow {
            id: String::new(),
            browser,
            client,
            prompt,
            max_age,
            is_strong,
            mark,
            subject: None,
            wrong: 0,
            has_ended: false,
        };
        let at_once = self.usable_session(&flow);
        let at_once = at_once.filter(|_| prompt != Prompt::SelectAccount);
        let at_once = at_once.map(SignedIn::known);
        let second = at_once.filter(|one| self.model.is_second_due(*one));
        let due =
            at_once.filter(|one| second.is_some() || self.model.is_consent_due(one.user, &flow));
        flow.subject = due;
        match (at_once, due, prompt) {
            (Some(known), None, _) => self.is_code(&response, &flow, known),
            (_, Some(_), Prompt::None) if second.is_some() => {
                is_error(&response, &flow, "login_required");
            }
            (_, Some(_), Prompt::None) => is_error(&response, &flow, "consent_required"),
            (None, _, Prompt::None) => is_error(&response, &flow, "login_required"),
            _ => {
                let location = response.is(303).header("location").unwrap();
                let id = location.strip_prefix("/login?flow=").unwrap();
                id.clone_into(&mut flow.id);
                self.model.flows.push(flow);
            }
        }
    }

    /// The session of the browser of a flow, if it does for the request.
    fn usable_session(&self, flow: &Flow) -> Option<SignedIn> {
        let current = self.model.browsers[flow.browser];
        let current = current.filter(|_| flow.prompt != Prompt::Login);
        current.filter(|one| flow.is_recent(one.auth_time, self.now()))
    }

    /// Expects the code of a flow, and that the user is signed in.
    fn is_code(&mut self, response: &Response, flow: &Flow, known: Known) {
        let answer = SignInAnswer::of(response, REDIRECT);
        let answer = answer.unwrap_or_else(|| panic!("no answer: {response:?}"));
        assert_eq!(answer.parameters["state"], flow.mark);
        let value = answer.code().to_owned();
        assert!(self.model.codes.iter().all(|code| code.value != value));
        let signed_in = self.model.conclude(flow.browser, known);
        self.model.codes.push(Code {
            value,
            user: known.user,
            client: flow.client,
            session: signed_in.session,
            auth_time: signed_in.auth_time,
            basis: signed_in.basis,
            mark: flow.mark.clone(),
            expires_at: self.now().plus(Duration::from_mins(1)),
            is_spent: false,
            is_gone: false,
            tokens: None,
        });
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each act")]
    async fn act_in(&mut self, at: usize, browser: usize, act: Act) {
        let flow = &self.model.flows[at];
        if let (Act::Enrol { is_right, .. }, Some(known)) = (act, flow.subject)
            && !flow.has_ended
            && flow.browser == browser
        {
            if self.model.is_enrolment_due(flow, known) {
                self.enrol(at, known, is_right).await;
                return;
            }
            if !self.model.is_second_due(known) {
                // the form goes on, and whether a consent is due may have changed since the last page
                return;
            }
        }
        let answer = match act {
            Act::Passkey {
                user,
                is_right: true,
                ..
            } => self.answer(at, browser, user).await,
            _ => NO_ANSWER.to_owned(),
        };
        let id = self.model.flows[at].id.clone();
        let response = self.send(browser, &id, (act, &answer)).await;
        let flow = &self.model.flows[at];
        if flow.has_ended || flow.browser != browser {
            has_ended(&response);
            return;
        }
        let is_second = |known: Known| self.model.is_second_due(known);
        let second = flow.subject.filter(|known| is_second(*known));
        let is_enrolment = |known: Known| self.model.is_enrolment_due(flow, known);
        let enrolment = flow.subject.filter(|known| is_enrolment(*known));
        let asks_for_code = second.or(enrolment).is_some();
        match act {
            Act::Show { .. } => {
                let page = is_page(&response, 200);
                let decides = flow.subject.filter(|_| !asks_for_code);
                // after an enrolment, the page does not ask for what was allowed elsewhere in the meantime
                let is_known = decides.is_none_or(|known| {
                    !flow.is_strong || self.model.is_consent_due(known.user, flow)
                });
                if is_known {
                    assert_eq!(page.contains("name=\"decision\""), decides.is_some());
                }
                let asks = |kind| second.is_some_and(|known| self.model.has(known.user, kind));
                let has_field = enrolment.is_some() || asks(Kind::Totp);
                assert_eq!(page.contains("name=\"code\""), has_field);
                let has_options = flow.subject.is_none() || asks(Kind::Passkey);
                assert_eq!(page.contains("data-get="), has_options);
                assert_eq!(page.contains("/login/enrol"), enrolment.is_some());
                assert_eq!(page.contains("name=\"password\""), flow.subject.is_none());
            }
            // no factor is due
            Act::Enrol { .. } => leads_to_page(&response, &id),
            // a later step is due, and the form of another one changes nothing
            Act::Password { .. } if flow.subject.is_some() => leads_to_page(&response, &id),
            Act::Second { user, is_right, .. } => match second {
                None => leads_to_page(&response, &id),
                Some(known)
                    if is_right && known.user == user && self.model.has(user, Kind::Totp) =>
                {
                    let factor = self.model.credential_of(user);
                    self.proves(at, &response, Known { factor, ..known });
                    self.site.pass_time(NEXT_CODE);
                }
                Some(_) => self.is_wrong(at, &response).await,
            },
            Act::Recovery { user, is_good, .. } => match second {
                None => leads_to_page(&response, &id),
                Some(known) if is_good && known.user == user => {
                    // it is none of the good ones from now on
                    match self.model.good_codes[user].pop() {
                        Some(code) => {
                            self.model.dead_codes[user].push(code);
                            let factor = Some(Credential::Recovery(user));
                            self.proves(at, &response, Known { factor, ..known });
                        }
                        None => self.is_wrong(at, &response).await,
                    }
                }
                Some(_) => self.is_wrong(at, &response).await,
            },
            Act::Passkey { user, is_right, .. } => {
                let is_right = is_right && self.model.has(user, Kind::Passkey);
                let alone = flow.subject.is_none().then_some(Known {
                    user,
                    proof: Proof::New,
                    at: self.now(),
                    factor: None,
                });
                match second.or(alone) {
                    None => leads_to_page(&response, &id),
                    Some(known) if is_right && known.user == user => {
                        let factor = self.model.credential_of(user);
                        self.proves(at, &response, Known { factor, ..known });
                    }
                    Some(_) => self.is_wrong(at, &response).await,
                }
            }
            Act::Password {
                is_right: false, ..
            } => self.is_wrong(at, &response).await,
            Act::Password { user, .. } => {
                let known = Known {
                    user,
                    proof: Proof::New,
                    at: self.now(),
                    factor: None,
                };
                self.proves(at, &response, known);
            }
            Act::Continue { .. } => {
                let current = self.usable_session(flow);
                match current.filter(|_| flow.subject.is_none()) {
                    Some(one) => self.proves(at, &response, one.known()),
                    None => leads_to_page(&response, &id),
                }
            }
            Act::StartOver { .. } => {
                leads_to_page(&response, &id);
                self.model.flows[at].subject = None;
            }
            Act::Decide { .. } if flow.subject.is_none() || asks_for_code => {
                leads_to_page(&response, &id);
            }
            Act::Decide { allows: false, .. } => {
                is_error(&response, flow, "access_denied");
                self.model.flows[at].has_ended = true;
            }
            Act::Decide { .. } => self.allows(at, &response),
            Act::Begin { .. }
            | Act::Redeem { .. }
            | Act::Factor { .. }
            | Act::NewCodes { .. }
            | Act::Guesses { .. }
            | Act::Wait => unreachable!("no forms of a flow"),
        }
    }

    /// Expects that a password, passkey or code is refused, and that the last one ends the flow.
    async fn is_wrong(&mut self, at: usize, response: &Response) {
        if self.model.count_wrong(at) {
            has_ended(response);
        } else {
            is_page(response, 401);
        }
        // the limits of the account are another test's concern
        self.site.clear_failures().await;
    }

    /// Sends a form with the id of a flow. What else is in it must not count.
    async fn send(&mut self, browser: usize, flow: &str, (act, answer): (Act, &str)) -> Response {
        let code = match act {
            Act::Second { user, is_right, .. } => self.code_of(user, is_right),
            Act::Recovery { user, is_good, .. } => self.recovery_code_of(user, is_good),
            _ => String::new(),
        };
        let evil = [
            ("scope", "openid items:read"),
            ("redirect_uri", "https://evil.example/cb"),
            ("state", "evil"),
            ("nonce", "evil"),
            ("user", "bob"),
            ("subject", "bob"),
        ];
        let (path, mut form) = match act {
            Act::Show { .. } => {
                return self.browsers[browser]
                    .open(&format!("/login?flow={flow}&state=evil"))
                    .await;
            }
            Act::Password { user, is_right, .. } => {
                let password = if is_right { PASSWORD } else { WRONG };
                (
                    "/login",
                    vec![("username", USERS[user]), ("password", password)],
                )
            }
            Act::Second { .. } | Act::Recovery { .. } => {
                ("/login/second", vec![("code", code.as_str())])
            }
            Act::Passkey { .. } => ("/login/passkey", vec![("credential", answer)]),
            Act::Enrol { .. } => ("/login/enrol", Vec::new()),
            Act::Continue { .. } => ("/login/continue", Vec::new()),
            Act::StartOver { .. } => ("/login/other", Vec::new()),
            Act::Decide { allows, .. } => {
                let decision = if allows { "allow" } else { "deny" };
                ("/consent", vec![("decision", decision)])
            }
            Act::Begin { .. }
            | Act::Redeem { .. }
            | Act::Factor { .. }
            | Act::NewCodes { .. }
            | Act::Guesses { .. }
            | Act::Wait => unreachable!("no forms of a flow"),
        };
        form.push(("flow", flow));
        form.extend(evil);
        self.browsers[browser].submit(path, &form).await
    }

    /// After the proof of a user: a second factor, old or new, or the consent is due, or the flow is over.
    fn proves(&mut self, at: usize, response: &Response, known: Known) {
        let flow = &self.model.flows[at];
        let is_due = self.model.is_second_due(known)
            || self.model.is_enrolment_due(flow, known)
            || self.model.is_consent_due(known.user, flow);
        if is_due {
            leads_to_page(response, &flow.id);
            self.model.flows[at].subject = Some(known);
        } else {
            self.ends(at, response, known);
        }
    }

    fn allows(&mut self, at: usize, response: &Response) {
        let flow = &self.model.flows[at];
        let (client, known) = (flow.client, flow.subject.unwrap());
        if self.ends(at, response, known) && client != FIRST_PARTY {
            self.model.allowed.insert((known.user, client));
        }
    }

    /// Expects the code, or the first page again if what was proven holds no longer. Returns true if there is a code.
    fn ends(&mut self, at: usize, response: &Response, known: Known) -> bool {
        let flow = &self.model.flows[at];
        if !self.model.holds(flow, known, self.now()) {
            leads_to_page(response, &flow.id);
            self.model.flows[at].subject = None;
            return false;
        }
        self.ends_with_code(at, response, known);
        true
    }

    fn ends_with_code(&mut self, at: usize, response: &Response, known: Known) {
        let mut flow = self.model.flows.remove(at);
        self.is_code(response, &flow, known);
        flow.has_ended = true;
        self.model.flows.insert(at, flow);
    }

    async fn redeem(&mut self, at: usize, node: &Node, by: Option<usize>, is_proven: bool) {
        let code = &self.model.codes[at];
        let by = by.unwrap_or(code.client);
        let client = self.client(by);
        let value = code.value.as_str();
        let verifier = if is_proven {
            crate::support::VERIFIER
        } else {
            crate::support::CHALLENGE
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", value),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
            ("scope", "openid"),
        ];
        let response = node.send_as(client, &form).await;
        let is_good = !code.is_spent
            && !code.is_gone
            && self.now() < code.expires_at
            && is_proven
            && by == code.client
            && self.model.lives(code.session);
        if !is_good {
            response.oauth_error(400, "invalid_grant");
            if let Some(tokens) = code.tokens.filter(|_| code.is_spent) {
                self.model.tokens[tokens].has_ended = true;
            }
            self.model.codes[at].is_spent = true;
            return;
        }
        let id_token = claims(&response.is(200).text("id_token"));
        assert_eq!(id_token["nonce"], code.mark.as_str());
        assert_eq!(id_token["sub"], self.ids[code.user].as_str());
        assert_eq!(id_token["aud"], client.id.as_str());
        assert_eq!(id_token["auth_time"], code.auth_time.seconds());
        let access = response.text("access_token");
        let session = code.session;
        let amr = id_token["amr"].as_array().unwrap();
        assert_eq!(amr.contains(&json!("mfa")), !code.basis.is_empty());
        let code = &mut self.model.codes[at];
        code.is_spent = true;
        code.tokens = Some(self.model.tokens.len());
        self.model.tokens.push(Tokens {
            access,
            session,
            basis: code.basis,
            has_ended: false,
        });
    }

    /// Expects that exactly the tokens and recovery codes that the model knows are valid, on both nodes.
    async fn check(&self) {
        for (id, codes) in self.ids.iter().zip(&self.model.good_codes) {
            let path = format!("/api/users/{id}/factors");
            let listed = self.site.get(path, self.site.admin().await).await;
            assert_eq!(listed.is(200).json["recovery_codes"], json!(codes.len()));
        }
        for node in [self.node(0), self.node(1)] {
            for tokens in &self.model.tokens {
                let expected = if tokens.has_ended { 401 } else { 200 };
                eventually("the node knows which tokens have ended", async || {
                    node.get("/userinfo", &tokens.access).await.status == expected
                })
                .await;
                // they were asked for without any permission
                assert_ne!(node.get("/items/", &tokens.access).await.status, 200);
            }
        }
        let live = self.model.browsers.iter().flatten().count() + self.model.elsewhere.len();
        let kept = self.site.db.count("browser_sessions").await;
        assert_eq!(kept, i64::try_from(live).unwrap());
    }
}

/// Expects an error for the client of a flow.
fn is_error(response: &Response, flow: &Flow, error: &str) {
    let answer = SignInAnswer::of(response, REDIRECT);
    let answer = answer.unwrap_or_else(|| panic!("no answer: {response:?}"));
    assert_eq!(
        (answer.error(), &answer.parameters["state"]),
        (error, &flow.mark)
    );
}

type Start = [Option<Kind>; USERS.len()];

fn run_all(factors: Start, steps: Vec<Step>, is_postgres: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = if is_postgres {
            Database::postgres().await
        } else {
            Some(Database::sqlite())
        };
        let Some(db) = db else { return };
        take_all(&Site::on(db).await, factors, steps).await;
    });
}

async fn take_all(site: &Site, factors: Start, steps: Vec<Step>) {
    let second = site.second_node().await;
    let third = create_client(site, "third", json!({})).await;
    let mut world = World::new(site, &second, &third).await;
    for (user, kind) in factors.into_iter().enumerate() {
        if kind.is_some() {
            world.change_factor(user, kind).await;
        }
    }
    for step in steps {
        world.take(step).await;
    }
    world.check().await;
}

/// Takes these acts with one browser: alice has an application, and bob a passkey.
async fn take_each(site: &Site, acts: &[&[Act]]) {
    let step = |(at, act): (usize, Act)| Step {
        browser: 0,
        node: at % 2,
        act,
    };
    let steps = acts.concat().into_iter().enumerate().map(step);
    let factors = [Some(Kind::Totp), Some(Kind::Passkey)];
    take_all(site, factors, steps.collect()).await;
}

const ALICE: usize = 0;
const BOB: usize = 1;

/// A new sign-in to the first party.
const LOG_IN: Act = Act::Begin {
    client: FIRST_PARTY,
    prompt: Prompt::Login,
    max_age: None,
    is_strong: false,
};
const REDEEM: Act = Act::Redeem {
    code: 0,
    by: None,
    is_proven: true,
};

/// A right password in the newest flow.
fn password(user: usize) -> Act {
    Act::Password {
        flow: 0,
        user,
        is_right: true,
    }
}

fn passkey(user: usize) -> Act {
    Act::Passkey {
        flow: 0,
        user,
        is_right: true,
    }
}

fn recovery(user: usize, is_good: bool) -> Act {
    Act::Recovery {
        flow: 0,
        user,
        is_good,
    }
}

on_both![
    recovery_codes_and_passkeys_are_as_the_model_says,
    a_session_that_another_window_renews_is_as_the_model_says,
];

async fn recovery_codes_and_passkeys_are_as_the_model_says(site: Site) {
    let lost = Act::Factor {
        user: BOB,
        added: None,
    };
    let by_recovery = [LOG_IN, password(ALICE), recovery(ALICE, true), REDEEM];
    let by_spent = [LOG_IN, password(ALICE), recovery(ALICE, false)];
    let alone = [LOG_IN, passkey(ALICE), passkey(BOB), REDEEM];
    let beside = [LOG_IN, password(BOB), passkey(BOB), REDEEM];
    let without = [LOG_IN, passkey(BOB), password(BOB), REDEEM];
    let acts = [
        &by_recovery[..],
        &by_spent,
        &by_recovery,
        &[Act::NewCodes { user: ALICE }],
        &by_spent,
        &by_recovery,
        &alone,
        &beside,
        &[lost],
        &without,
    ];
    take_each(&site, &acts).await;
}

async fn a_session_that_another_window_renews_is_as_the_model_says(site: Site) {
    let ask = Act::Begin {
        client: 1,
        prompt: Prompt::Any,
        max_age: None,
        is_strong: false,
    };
    let second = Act::Second {
        flow: 0,
        user: ALICE,
        is_right: true,
    };
    // the flow before the newest
    let allow = Act::Decide {
        flow: 1,
        allows: true,
    };
    let by_passkey = [LOG_IN, passkey(BOB), ask];
    let by_recovery = |user| [LOG_IN, password(user), recovery(user, true)];
    let acts = [
        // a recovery code is less than a passkey
        &by_passkey[..],
        &by_recovery(BOB),
        &[allow, Act::Show { flow: 1 }],
        // and as much as an application, but the session rests on the code now
        &[LOG_IN, password(ALICE), second, ask],
        &by_recovery(ALICE),
        &[allow, REDEEM, Act::NewCodes { user: ALICE }],
    ];
    take_each(&site, &acts).await;
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(14))]

    #[test]
    fn i016_i019_i035_i036_flows_are_as_the_model_says_sqlite(factors in factors(), steps in steps()) {
        run_all(factors, steps, false);
    }
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn i016_i019_i035_i036_flows_are_as_the_model_says_postgres(factors in factors(), steps in steps()) {
        run_all(factors, steps, true);
    }
}

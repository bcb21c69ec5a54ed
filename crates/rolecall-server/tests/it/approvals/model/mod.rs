//! Random administration by two people, compared with a simple model: nobody has an approval role unless two
//! different people requested and confirmed it, or it was assigned while it needed no approval.

mod reference;

use std::{collections::BTreeSet, time::Duration};

use rolecall_core::Timestamp;
use serde_json::json;

use self::reference::{Key, Model, Pending};
use super::PATH;
use crate::support::{START, TestApp, on_both};

on_both![no_approval_role_is_held_without_two_people,];

const STEPS: usize = 400;
const PEOPLE: [&str; 2] = ["ann", "ben"];
const SUBJECTS: [&str; 2] = ["alice", "bob"];
const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];

/// When an assignment may end, in hours after the start; `None` is never.
const ENDS: [Option<i64>; 5] = [None, Some(4), Some(8), Some(16), Some(32)];

fn random(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap() % below
}

fn time(hour: i64) -> String {
    let at = START.plus(Duration::from_hours(u64::try_from(hour).unwrap()));
    jiff::Timestamp::from_second(at.seconds())
        .unwrap()
        .to_string()
}

/// The rows for the two subjects in a table: subject, role and end in microseconds.
async fn rows(app: &TestApp, table: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT u.username || ' ' || a.role || ' ' || CAST(COALESCE(a.expires_at, 0) AS TEXT) FROM {table} a \
         JOIN users u ON u.id = a.subject_id WHERE u.username IN ('alice', 'bob')"
    );
    app.db.texts(&sql).await.into_iter().collect()
}

fn format_rows(rows: impl Iterator<Item = (Key, Option<i64>)>) -> BTreeSet<String> {
    let micros = |hour: i64| START.plus(Duration::from_hours(u64::try_from(hour).unwrap()));
    let row = |((subject, role), end): (Key, Option<i64>)| {
        let end = end.map_or(0, |end| Timestamp::micros(micros(end)));
        format!("{} {} {end}", SUBJECTS[subject], ROLES[role])
    };
    rows.map(row).collect()
}

/// The server, the model, and counts of what happened so far.
struct World {
    app: TestApp,
    model: Model,
    /// The ids of the subjects.
    ids: Vec<String>,
    /// The tokens of the two people.
    tokens: [String; 2],
    /// The ids of all requests ever made.
    seen: Vec<String>,
    state: u64,
    confirmed: usize,
    refused: usize,
}

/// A random step. Each kind of step uses some of the fields.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: usize,
    by: usize,
    key: Key,
    other: usize,
    end: Option<i64>,
}

impl World {
    async fn new(app: TestApp) -> Self {
        for person in PEOPLE {
            app.create_user(person, &["rolecall.admin"]).await;
        }
        let mut ids = Vec::new();
        for subject in SUBJECTS {
            ids.push(app.create_user(subject, &[]).await);
        }
        Self {
            tokens: [app.log_in("ann").await, app.log_in("ben").await],
            app,
            model: Model::default(),
            ids,
            seen: Vec::new(),
            state: 0x2545_f491_4f6c_dd1d,
            confirmed: 0,
            refused: 0,
        }
    }

    fn step(&mut self) -> Step {
        let state = &mut self.state;
        Step {
            kind: random(state, 20),
            by: random(state, 2),
            key: (random(state, 2), random(state, 4)),
            other: random(state, 4),
            end: ENDS[random(state, ENDS.len())],
        }
    }

    /// Performs a step on both; returns whether a subject may gain a role by it.
    async fn act(&mut self, step: Step) -> bool {
        let exists = self.model.roles.contains(&step.key.1);
        match step.kind {
            0 if exists && step.other == 0 => self.delete_role(step).await,
            0..=1 => self.make_role(step).await,
            2 if exists => {
                self.mark(step).await;
                // existing assignments stay: approval applies to later ones
                return true;
            }
            3..=5 => self.inherit(step).await,
            6 if exists => self.disinherit(step).await,
            7 => self.unassign(step).await,
            8 if step.other > 1 => self.pass_hour().await,
            9 => self.end(step).await,
            10..=13 if !self.seen.is_empty() => return self.confirm(step).await,
            _ => self.assign(step).await,
        }
        false
    }

    fn role(step: Step) -> String {
        format!("/api/roles/{}", ROLES[step.key.1])
    }

    fn assignment(&self, step: Step) -> String {
        let (id, role) = (&self.ids[step.key.0], ROLES[step.key.1]);
        format!("/api/users/{id}/roles/{role}")
    }

    fn edge(step: Step) -> String {
        format!("{}/juniors/{}", Self::role(step), ROLES[step.other])
    }

    async fn delete_role(&mut self, step: Step) {
        let token = &self.tokens[step.by];
        self.app.delete(Self::role(step), token).await.no_content();
        self.model.delete_role(step.key.1);
    }

    async fn make_role(&mut self, step: Step) {
        let approval = step.other == 0;
        let body = json!({ "name": ROLES[step.key.1], "approval": approval });
        let created = self.app.post("/api/roles", &self.tokens[step.by], body);
        let created = created.await;
        if !self.model.roles.insert(step.key.1) {
            created.is(409);
            return;
        }
        created.is(201);
        if approval {
            self.model.approval_roles.insert(step.key.1);
        }
    }

    async fn mark(&mut self, step: Step) {
        let approval = step.other > 1;
        let body = json!({ "approval": approval });
        let changed = self
            .app
            .patch(Self::role(step), &self.tokens[step.by], body);
        changed.await.is(200);
        if approval {
            self.model.approval_roles.insert(step.key.1);
        } else {
            self.model.approval_roles.remove(&step.key.1);
        }
    }

    async fn inherit(&mut self, step: Step) {
        let response = self.app.put(Self::edge(step), &self.tokens[step.by]).await;
        let expected = self.model.inherit((step.key.1, step.other));
        assert_eq!(response.status, expected, "{step:?}");
        self.refused += usize::from(response.json["rule"] == "approval");
    }

    async fn disinherit(&mut self, step: Step) {
        let token = &self.tokens[step.by];
        self.app.delete(Self::edge(step), token).await.no_content();
        self.model.juniors.remove(&(step.key.1, step.other));
    }

    async fn unassign(&mut self, step: Step) {
        let (path, token) = (self.assignment(step), &self.tokens[step.by]);
        self.app.delete(path, token).await.no_content();
        self.model.assigned.remove(&step.key);
        self.model.pending.remove(&step.key);
    }

    async fn pass_hour(&mut self) {
        self.app.pass_time(Duration::from_hours(1));
        self.model.now += 1;
        self.tokens = [self.app.log_in("ann").await, self.app.log_in("ben").await];
    }

    async fn end(&mut self, step: Step) {
        if let Some(pending) = self.model.pending.remove(&step.key) {
            let path = format!("{PATH}/{}", pending.id);
            let token = &self.tokens[step.by];
            self.app.delete(path, token).await.no_content();
        }
    }

    /// Confirms a pending request, or any request ever made.
    async fn confirm(&mut self, step: Step) -> bool {
        let open: Vec<String> = self
            .model
            .pending
            .values()
            .map(|one| one.id.clone())
            .collect();
        let candidates = if open.is_empty() || step.other == 0 {
            &self.seen
        } else {
            &open
        };
        let id = candidates[random(&mut self.state, candidates.len())].clone();
        let mut pending = self.model.pending.iter();
        let key = pending.find(|(_, one)| one.id == id).map(|(key, _)| *key);
        let path = format!("{PATH}/{id}/confirm");
        let response = self.app.post(path, &self.tokens[step.by], json!({})).await;
        assert_eq!(
            response.status,
            self.model.confirm(step.by, key),
            "{step:?}"
        );
        let done = response.status == 204;
        self.confirmed += usize::from(done);
        done
    }

    async fn assign(&mut self, step: Step) {
        let (path, token) = (self.assignment(step), &self.tokens[step.by]);
        let body = json!({ "expires_at": step.end.map(time) });
        let response = self.app.put_json(path, token, body).await;
        let (status, fresh) = self.model.put(step.by, step.key, step.end);
        assert_eq!(response.status, status, "{step:?}: {response:?}");
        if status == 202 {
            let id = response.text("id");
            assert_eq!(!self.seen.contains(&id), fresh, "{step:?}");
            self.seen.push(id.clone());
            let (by, end) = (step.by, step.end);
            self.model.pending.insert(step.key, Pending { id, by, end });
        }
    }

    async fn agree(&self, what: &str) {
        let model = &self.model;
        model.check();
        let assigned = model.assigned.iter().map(|(key, (end, _))| (*key, *end));
        let found = rows(&self.app, "role_assignments").await;
        assert_eq!(found, format_rows(assigned), "{what}");
        let pending = model
            .pending
            .iter()
            .map(|(key, pending)| (*key, pending.end));
        let found = rows(&self.app, "assignment_requests").await;
        assert_eq!(found, format_rows(pending), "{what}");
    }
}

async fn no_approval_role_is_held_without_two_people(app: TestApp) {
    let mut world = World::new(app).await;
    for number in 0..STEPS {
        let step = world.step();
        let (before, what) = (world.model.all_held(), format!("step {number}: {step:?}"));
        let may_gain = world.act(step).await;
        let gained = &world.model.all_held() - &before;
        assert!(may_gain || gained.is_empty(), "{what}: {gained:?}");
        world.agree(&what).await;
    }
    let World {
        confirmed, refused, ..
    } = world;
    println!("{confirmed} confirmed, {refused} refused by the rule");
    assert!(
        confirmed >= 5 && refused >= 2,
        "{confirmed} confirmed, {refused} refused"
    );
}

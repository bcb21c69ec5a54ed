//! Random administration by two people against a model of sets and loops: nobody has a role that needs a second
//! person unless two different people asked for it and confirmed it, or it was given while one was enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rolecall_core::Timestamp;
use serde_json::json;

use super::PATH;
use crate::support::{START, TestApp, on_both};

on_both![nobody_has_what_two_people_did_not_give];

const STEPS: usize = 400;
const PEOPLE: [&str; 2] = ["ann", "ben"];
const SUBJECTS: [&str; 2] = ["alice", "bob"];
const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
/// Hours after the start at which an assignment may end; none is for ever.
const ENDS: [Option<i64>; 5] = [None, Some(4), Some(8), Some(16), Some(32)];

type Key = (usize, usize);

/// How somebody came by a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// While one person was enough.
    ByOne,
    /// Who asked and who confirmed.
    ByTwo(usize, usize),
}

#[derive(Clone, Debug)]
struct Asked {
    id: String,
    by: usize,
    end: Option<i64>,
}

#[derive(Default)]
struct Model {
    now: i64,
    roles: BTreeSet<usize>,
    approved: BTreeSet<usize>,
    juniors: BTreeSet<Key>,
    assigned: BTreeMap<Key, (Option<i64>, Given)>,
    asked: BTreeMap<Key, Asked>,
}

fn later(one: Option<i64>, other: Option<i64>) -> bool {
    one.unwrap_or(i64::MAX) > other.unwrap_or(i64::MAX)
}

fn closure(role: usize, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([role]);
    loop {
        let more: BTreeSet<usize> = edges
            .iter()
            .filter(|(senior, _)| found.contains(senior))
            .map(|(_, junior)| *junior)
            .collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

impl Model {
    fn needs_two(&self, role: usize) -> bool {
        let below = closure(role, &self.juniors);
        below.iter().any(|role| self.approved.contains(role))
    }

    /// The roles that need two which somebody holds at an hour.
    fn held(&self, subject: usize, hour: i64, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
        let counting = self
            .assigned
            .iter()
            .filter(|((who, _), (end, _))| *who == subject && end.is_none_or(|end| hour < end));
        let held = counting.flat_map(|((_, role), _)| closure(*role, edges));
        held.filter(|role| self.approved.contains(role)).collect()
    }

    fn all_held(&self) -> BTreeSet<Key> {
        let held = (0..SUBJECTS.len()).flat_map(|subject| {
            let held = self.held(subject, self.now, &self.juniors);
            held.into_iter().map(move |role| (subject, role))
        });
        held.collect()
    }

    fn put(&mut self, by: usize, key: Key, end: Option<i64>) -> (u16, bool) {
        if !self.roles.contains(&key.1) {
            return (404, false);
        }
        if end.is_some_and(|end| end <= self.now) {
            return (422, false);
        }
        let before = self.assigned.get(&key).map(|(end, _)| *end);
        if before == Some(end) {
            return (204, false);
        }
        let gains = before.is_none_or(|before| later(end, before));
        if !self.needs_two(key.1) || !gains {
            let given = match self.assigned.get(&key) {
                Some((_, given)) if !gains => *given,
                _ => Given::ByOne,
            };
            self.assigned.insert(key, (end, given));
            self.asked.remove(&key);
            return (204, false);
        }
        match self.asked.get(&key) {
            Some(there) if there.by == by => (202, there.end != end),
            Some(there) if there.end.is_none_or(|end| end > self.now) => (409, false),
            _ => (202, true),
        }
    }

    fn confirm(&mut self, by: usize, key: Option<Key>) -> u16 {
        let Some(key) = key else {
            return 404;
        };
        let asked = self.asked[&key].clone();
        if asked.by == by || asked.end.is_some_and(|end| end <= self.now) {
            return 409;
        }
        self.asked.remove(&key);
        self.assigned
            .insert(key, (asked.end, Given::ByTwo(asked.by, by)));
        204
    }

    fn inherit(&mut self, edge: Key) -> u16 {
        if !self.roles.contains(&edge.0) || !self.roles.contains(&edge.1) {
            return 404;
        }
        if closure(edge.1, &self.juniors).contains(&edge.0) {
            return 409;
        }
        let mut after = self.juniors.clone();
        after.insert(edge);
        for subject in 0..SUBJECTS.len() {
            for hour in self.now..40 {
                let had = self.held(subject, hour, &self.juniors);
                if !self.held(subject, hour, &after).is_subset(&had) {
                    return 409;
                }
            }
        }
        self.juniors = after;
        204
    }

    fn delete_role(&mut self, role: usize) {
        self.roles.remove(&role);
        self.approved.remove(&role);
        self.juniors
            .retain(|(senior, junior)| *senior != role && *junior != role);
        self.assigned.retain(|(_, given), _| *given != role);
        self.asked.retain(|(_, asked), _| *asked != role);
    }

    /// Two different people stand behind each, unless it was given while one was enough.
    fn check(&self) {
        for given in self.assigned.values() {
            if let Given::ByTwo(asked, confirmed) = given.1 {
                assert_ne!(asked, confirmed);
            }
        }
    }
}

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

/// What the database says is assigned and asked for: subject, role and end in microseconds.
async fn rows(app: &TestApp, table: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT u.username || ' ' || a.role || ' ' || CAST(COALESCE(a.expires_at, 0) AS TEXT) FROM {table} a \
         JOIN users u ON u.id = a.subject_id WHERE u.username IN ('alice', 'bob')"
    );
    app.db.texts(&sql).await.into_iter().collect()
}

fn shown(rows: impl Iterator<Item = (Key, Option<i64>)>) -> BTreeSet<String> {
    let micros = |hour: i64| START.plus(Duration::from_hours(u64::try_from(hour).unwrap()));
    let row = |((subject, role), end): (Key, Option<i64>)| {
        let end = end.map_or(0, |end| Timestamp::micros(micros(end)));
        format!("{} {} {end}", SUBJECTS[subject], ROLES[role])
    };
    rows.map(row).collect()
}

/// The server and the model, and what was done so far.
struct World {
    app: TestApp,
    model: Model,
    /// Of the subjects.
    ids: Vec<String>,
    /// Of the two people.
    tokens: [String; 2],
    /// The ids of all requests that there ever were.
    seen: Vec<String>,
    state: u64,
    confirmed: usize,
    refused: usize,
}

/// What one step is about; each kind of step takes of it what it needs.
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
            app.user(person, &["rolecall.admin"]).await;
        }
        let mut ids = Vec::new();
        for subject in SUBJECTS {
            ids.push(app.user(subject, &[]).await);
        }
        Self {
            tokens: [app.login("ann").await, app.login("ben").await],
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

    /// Does it on both; whether somebody may come to hold more by it.
    async fn act(&mut self, step: Step) -> bool {
        let there = self.model.roles.contains(&step.key.1);
        match step.kind {
            0 if there && step.other == 0 => self.delete_role(step).await,
            0..=1 => self.make_role(step).await,
            2 if there => {
                self.mark(step).await;
                // who has it has it: the mark is for those to come
                return true;
            }
            3..=5 => self.inherit(step).await,
            6 if there => self.disinherit(step).await,
            7 => self.unassign(step).await,
            8 if step.other > 1 => self.pass().await,
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
        self.app.delete(Self::role(step), token).await.done();
        self.model.delete_role(step.key.1);
    }

    async fn make_role(&mut self, step: Step) {
        let approval = step.other == 0;
        let body = json!({ "name": ROLES[step.key.1], "approval": approval });
        let made = self.app.post("/api/roles", &self.tokens[step.by], body);
        let made = made.await;
        if !self.model.roles.insert(step.key.1) {
            made.is(409);
            return;
        }
        made.is(201);
        if approval {
            self.model.approved.insert(step.key.1);
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
            self.model.approved.insert(step.key.1);
        } else {
            self.model.approved.remove(&step.key.1);
        }
    }

    async fn inherit(&mut self, step: Step) {
        let answer = self.app.put(Self::edge(step), &self.tokens[step.by]).await;
        let expected = self.model.inherit((step.key.1, step.other));
        assert_eq!(answer.status, expected, "{step:?}");
        self.refused += usize::from(answer.json["rule"] == "approval");
    }

    async fn disinherit(&mut self, step: Step) {
        let token = &self.tokens[step.by];
        self.app.delete(Self::edge(step), token).await.done();
        self.model.juniors.remove(&(step.key.1, step.other));
    }

    async fn unassign(&mut self, step: Step) {
        let (path, token) = (self.assignment(step), &self.tokens[step.by]);
        self.app.delete(path, token).await.done();
        self.model.assigned.remove(&step.key);
        self.model.asked.remove(&step.key);
    }

    async fn pass(&mut self) {
        self.app.pass(Duration::from_hours(1));
        self.model.now += 1;
        self.tokens = [self.app.login("ann").await, self.app.login("ben").await];
    }

    async fn end(&mut self, step: Step) {
        if let Some(asked) = self.model.asked.remove(&step.key) {
            let path = format!("{PATH}/{}", asked.id);
            let token = &self.tokens[step.by];
            self.app.delete(path, token).await.done();
        }
    }

    /// One that is open, or any that there ever was.
    async fn confirm(&mut self, step: Step) -> bool {
        let open: Vec<String> = self
            .model
            .asked
            .values()
            .map(|one| one.id.clone())
            .collect();
        let from = if open.is_empty() || step.other == 0 {
            &self.seen
        } else {
            &open
        };
        let id = from[random(&mut self.state, from.len())].clone();
        let mut asked = self.model.asked.iter();
        let about = asked.find(|(_, one)| one.id == id).map(|(key, _)| *key);
        let path = format!("{PATH}/{id}/confirm");
        let answer = self.app.post(path, &self.tokens[step.by], json!({})).await;
        assert_eq!(
            answer.status,
            self.model.confirm(step.by, about),
            "{step:?}"
        );
        let done = answer.status == 204;
        self.confirmed += usize::from(done);
        done
    }

    async fn assign(&mut self, step: Step) {
        let (path, token) = (self.assignment(step), &self.tokens[step.by]);
        let body = json!({ "expires_at": step.end.map(time) });
        let answer = self.app.put_json(path, token, body).await;
        let (status, fresh) = self.model.put(step.by, step.key, step.end);
        assert_eq!(answer.status, status, "{step:?}: {answer:?}");
        if status == 202 {
            let id = answer.text("id");
            assert_eq!(!self.seen.contains(&id), fresh, "{step:?}");
            self.seen.push(id.clone());
            let (by, end) = (step.by, step.end);
            self.model.asked.insert(step.key, Asked { id, by, end });
        }
    }

    async fn agree(&self, what: &str) {
        let model = &self.model;
        model.check();
        let assigned = model.assigned.iter().map(|(key, (end, _))| (*key, *end));
        let found = rows(&self.app, "role_assignments").await;
        assert_eq!(found, shown(assigned), "{what}");
        let asked = model.asked.iter().map(|(key, asked)| (*key, asked.end));
        let found = rows(&self.app, "assignment_requests").await;
        assert_eq!(found, shown(asked), "{what}");
    }
}

async fn nobody_has_what_two_people_did_not_give(app: TestApp) {
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

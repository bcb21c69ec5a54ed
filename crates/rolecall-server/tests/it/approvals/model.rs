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

const STEPS: usize = 220;
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

impl Model {
    fn closure(&self, role: usize, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
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

    fn needs_two(&self, role: usize) -> bool {
        let below = self.closure(role, &self.juniors);
        below.iter().any(|role| self.approved.contains(role))
    }

    /// The roles that need two which somebody holds at an hour.
    fn held(&self, subject: usize, hour: i64, edges: &BTreeSet<Key>) -> BTreeSet<usize> {
        let counting = self
            .assigned
            .iter()
            .filter(|((who, _), (end, _))| *who == subject && end.is_none_or(|end| hour < end));
        let held = counting.flat_map(|((_, role), _)| self.closure(*role, edges));
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
        if self.closure(edge.1, &self.juniors).contains(&edge.0) {
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
    usize::try_from(*state % 1_000_003).unwrap() % below
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

async fn nobody_has_what_two_people_did_not_give(app: TestApp) {
    let mut model = Model::default();
    for person in PEOPLE {
        app.user(person, &["rolecall.admin"]).await;
    }
    let mut ids = Vec::new();
    for subject in SUBJECTS {
        ids.push(app.user(subject, &[]).await);
    }
    let mut tokens = [app.login("ann").await, app.login("ben").await];
    let mut seen: Vec<String> = Vec::new();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let (mut confirmed, mut refused) = (0, 0);
    for step in 0..STEPS {
        let by = random(&mut state, 2);
        let token = tokens[by].clone();
        let key = (random(&mut state, 2), random(&mut state, 4));
        let other = random(&mut state, 4);
        let end = ENDS[random(&mut state, ENDS.len())];
        let (role, before) = (ROLES[key.1], model.all_held());
        let path = format!("/api/users/{}/roles/{role}", ids[key.0]);
        let kind = random(&mut state, 20);
        let (mut may_gain, what) = (
            false,
            format!("step {step}: {kind} {by} {key:?} {other} {end:?}"),
        );
        match kind {
            0 if model.roles.contains(&key.1) => {
                app.delete(format!("/api/roles/{role}"), &token)
                    .await
                    .done();
                model.delete_role(key.1);
            }
            0..=2 => {
                let approval = other % 2 == 0;
                let body = json!({ "name": role, "approval": approval });
                let made = app.post("/api/roles", &token, body).await;
                if model.roles.insert(key.1) {
                    made.is(201);
                    if approval {
                        model.approved.insert(key.1);
                    }
                } else {
                    made.is(409);
                }
            }
            3 if model.roles.contains(&key.1) => {
                let approval = other % 3 > 0;
                let body = json!({ "approval": approval });
                app.patch(format!("/api/roles/{role}"), &token, body)
                    .await
                    .is(200);
                if approval {
                    model.approved.insert(key.1);
                } else {
                    model.approved.remove(&key.1);
                }
                // who has it has it: the mark is for those to come
                may_gain = true;
            }
            4..=5 => {
                let path = format!("/api/roles/{role}/juniors/{}", ROLES[other]);
                let answer = app.put(path, &token).await;
                assert_eq!(answer.status, model.inherit((key.1, other)), "{what}");
                refused += usize::from(answer.json["rule"] == "approval");
            }
            6 if model.roles.contains(&key.1) => {
                let path = format!("/api/roles/{role}/juniors/{}", ROLES[other]);
                app.delete(path, &token).await.done();
                model.juniors.remove(&(key.1, other));
            }
            7 => {
                app.delete(path, &token).await.done();
                model.assigned.remove(&key);
                model.asked.remove(&key);
            }
            8 if step % 3 == 0 => {
                app.pass(Duration::from_hours(1));
                model.now += 1;
                tokens = [app.login("ann").await, app.login("ben").await];
            }
            9 => {
                if let Some(asked) = model.asked.remove(&key) {
                    app.delete(format!("{PATH}/{}", asked.id), &token)
                        .await
                        .done();
                }
            }
            10..=13 if !seen.is_empty() => {
                // one that is open, or any that there ever was
                let open: Vec<String> = model.asked.values().map(|one| one.id.clone()).collect();
                let from = if open.is_empty() || other == 0 {
                    &seen
                } else {
                    &open
                };
                let id = from[random(&mut state, from.len())].clone();
                let mut asked = model.asked.iter();
                let about = asked.find(|(_, one)| one.id == id).map(|(key, _)| *key);
                let answer = app
                    .post(format!("{PATH}/{id}/confirm"), &token, json!({}))
                    .await;
                assert_eq!(answer.status, model.confirm(by, about), "{what}");
                may_gain = answer.status == 204;
                confirmed += usize::from(may_gain);
            }
            _ => {
                let body = json!({ "expires_at": end.map(time) });
                let answer = app.put_json(path, &token, body).await;
                let (status, fresh) = model.put(by, key, end);
                assert_eq!(answer.status, status, "{what}: {answer:?}");
                if status == 202 {
                    let id = answer.text("id");
                    assert_eq!(!seen.contains(&id), fresh, "{what}");
                    seen.push(id.clone());
                    model.asked.insert(key, Asked { id, by, end });
                }
            }
        }
        model.check();
        let gained = &model.all_held() - &before;
        assert!(may_gain || gained.is_empty(), "{what}: {gained:?}");
        let assigned = model.assigned.iter().map(|(key, (end, _))| (*key, *end));
        assert_eq!(
            rows(&app, "role_assignments").await,
            shown(assigned),
            "{what}"
        );
        let asked = model.asked.iter().map(|(key, asked)| (*key, asked.end));
        assert_eq!(
            rows(&app, "assignment_requests").await,
            shown(asked),
            "{what}"
        );
    }
    assert!(
        confirmed >= 5 && refused >= 2,
        "{confirmed} confirmed, {refused} refused"
    );
}

//! Random administration against a model: the sets of NIST RBAC, kept by hand. What the server gives is
//! what the model says, and a token that is still let in never carries more than that.

use std::collections::BTreeSet;

use http::Method;

use crate::support::{TestApp, on_both};

on_both![random_administration_never_departs_from_the_model];

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const ROLES: [&str; 4] = ["one", "two", "three", "four"];
const PERMISSIONS: [&str; 4] = ["docs:read", "docs:write", "items:read", "items:write"];
const PATTERNS: [&str; 6] = [
    "docs:read",
    "docs:write",
    "items:read",
    "items:write",
    "docs:*",
    "items:*",
];
const STEPS: usize = 150;

type Relation = BTreeSet<(&'static str, &'static str)>;

/// Who is assigned what, what a role holds, and whom it inherits.
#[derive(Default)]
struct Model {
    assigned: Relation,
    granted: Relation,
    juniors: Relation,
}

impl Model {
    fn closure(&self, from: impl IntoIterator<Item = &'static str>) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = from.into_iter().collect();
        while let Some(role) = open.pop() {
            if found.insert(role) {
                let below = self.juniors.iter().filter(|(senior, _)| *senior == role);
                open.extend(below.map(|(_, junior)| *junior));
            }
        }
        found
    }

    fn roles_of(&self, user: &str) -> BTreeSet<&'static str> {
        let assigned = self.assigned.iter().filter(|(holder, _)| *holder == user);
        self.closure(assigned.map(|(_, role)| *role))
    }

    fn permissions_of(&self, user: &str) -> BTreeSet<&'static str> {
        let roles = self.roles_of(user);
        let holds = |permission: &str| {
            self.granted.iter().any(|(role, pattern)| {
                roles.contains(role)
                    && (*pattern == permission
                        || pattern
                            .strip_suffix('*')
                            .is_some_and(|object| permission.starts_with(object)))
            })
        };
        PERMISSIONS
            .into_iter()
            .filter(|permission| holds(permission))
            .collect()
    }

    /// Does to the model what the request does to the server; the status that is right for it.
    fn apply(&mut self, kind: u64, add: bool, left: &'static str, right: &'static str) -> u16 {
        let closes = add && kind == 2 && self.closure([right]).contains(left);
        if closes {
            return 409;
        }
        let relation = match kind {
            0 => &mut self.assigned,
            1 => &mut self.granted,
            _ => &mut self.juniors,
        };
        if add {
            relation.insert((left, right));
        } else {
            relation.remove(&(left, right));
        }
        204
    }
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    /// A pair of one of the three relations, and its address: which relation, path, left, right.
    fn relation(&mut self, ids: &[String]) -> (u64, String, &'static str, &'static str) {
        match self.below(3) {
            0 => {
                let (user, role) = (self.below(USERS.len()), self.of(&ROLES));
                let path = format!("/api/users/{}/roles/{role}", ids[user]);
                (0, path, USERS[user], role)
            }
            1 => {
                let (role, pattern) = (self.of(&ROLES), self.of(&PATTERNS));
                let path = format!("/api/roles/{role}/permissions/{pattern}");
                (1, path, role, pattern)
            }
            _ => {
                let (senior, junior) = (self.of(&ROLES), self.of(&ROLES));
                let path = format!("/api/roles/{senior}/juniors/{junior}");
                (2, path, senior, junior)
            }
        }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

async fn random_administration_never_departs_from_the_model(app: TestApp) {
    for role in ROLES {
        app.role(role, &[]).await;
    }
    for permission in PERMISSIONS {
        let body = serde_json::json!({ "name": permission });
        let made = app.post("/api/permissions", app.admin().await, body).await;
        made.is(201);
    }
    let (mut ids, mut tokens) = (Vec::new(), Vec::new());
    for user in USERS {
        ids.push(app.user(user, &[]).await);
        tokens.push(app.login(user).await);
    }
    let (mut model, mut numbers, mut survived) = (Model::default(), Numbers(1), 0);
    for step in 0..STEPS {
        // a token holds what was there at its log-in: without new ones there would be nothing to lose
        let user = numbers.below(USERS.len());
        tokens[user] = app.login(USERS[user]).await;
        let add = numbers.below(5) < 3;
        let (kind, path, left, right) = numbers.relation(&ids);
        let method = if add { Method::PUT } else { Method::DELETE };
        let ask = app.request(method.clone(), &path).token(app.admin().await);
        let (before, answer) = (app.db.revision().await, ask.send().await);
        let expected = model.apply(kind, add, left, right);
        let what = format!("step {step}: {method} {path}");
        assert_eq!(answer.status, expected, "{what}: {answer:?}");
        if expected == 409 {
            assert_eq!(app.db.revision().await, before, "{what}");
        }
        for (user, token) in USERS.iter().zip(&mut tokens) {
            let mut me = app.get("/api/me", token).await;
            let whole = me.status == 401;
            if whole {
                *token = app.login(user).await;
                me = app.get("/api/me", token).await;
            } else {
                survived += 1;
            }
            let (roles, permissions) = (me.is(200).texts("roles"), me.texts("permissions"));
            let (held, allowed) = (model.roles_of(user), model.permissions_of(user));
            let within = roles.iter().all(|role| held.contains(role.as_str()))
                && permissions.iter().all(|one| allowed.contains(one.as_str()));
            assert!(
                within,
                "{what}: {user} has {roles:?} {permissions:?} beyond {held:?} {allowed:?}"
            );
            if whole {
                assert_eq!(roles, Vec::from_iter(held), "{what}: {user}");
                assert_eq!(permissions, Vec::from_iter(allowed), "{what}: {user}");
            }
        }
    }
    // most steps take nothing from most people
    assert!(survived > STEPS, "{survived}");
    assert_eq!(
        app.db.count("role_juniors").await,
        i64::try_from(model.juniors.len()).unwrap()
    );
}

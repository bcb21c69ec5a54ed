//! Long sequences of commands at random: most of them about something that is there.

use crate::{
    command::{Act, Command, Constraint, Document, Entry, Given, Name},
    model::{Duty, Model, is_own},
    numbers::Numbers,
    play::first_log_in,
};

const USERS: [&str; 5] = ["ann", "ben", "cem", "dan", "root"];
const ROLES: [&str; 8] = [
    "r1",
    "r2",
    "r3",
    "r4",
    "r5",
    "user",
    "rolecall.admin",
    "rolecall.resource-server",
];
const PERMISSIONS: [&str; 4] = ["a:x", "a:y", "b:x", "b:y"];
const OWN: [&str; 8] = [
    "rolecall.assignments:write",
    "rolecall.roles:write",
    "rolecall.users:write",
    "rolecall.policy:write",
    "rolecall.sessions:revoke",
    "rolecall.assignments:any",
    "rolecall.assignments:*",
    "rolecall.users:*",
];
const WILDCARDS: [&str; 2] = ["a:*", "b:*"];
const CONSTRAINTS: [&str; 3] = ["c1", "c2", "c3"];
const TENANTS: [&str; 2] = ["acme", "beta"];
/// Around what the clock decides: the rest of an assignment, the life of a token, that of a session.
const WHILES: [i64; 14] = [
    1, 10, 29, 30, 31, 60, 299, 300, 600, 1799, 1800, 3600, 86_400, 1_209_600,
];

/// A script in the making, with the model as it is after it.
struct Making {
    numbers: Numbers,
    model: Model,
    script: Vec<Command>,
    tokens: usize,
}

/// The script of `seed`: some preparations, then `length` commands.
pub(crate) fn generate(seed: u64, length: usize) -> Vec<Command> {
    let mut making = Making {
        numbers: Numbers::new(seed),
        model: Model::new(),
        script: Vec::new(),
        tokens: 0,
    };
    making.prepare();
    for _ in 0..length {
        let command = making.command();
        making.push(command);
    }
    making.script
}

fn root(act: Act) -> Command {
    Command::By {
        token: "root".to_owned(),
        act,
    }
}

fn given(user: &str, role: &str, tenant: Option<&str>) -> Given {
    Given {
        user: user.to_owned(),
        role: role.to_owned(),
        tenant: tenant.map(str::to_owned),
    }
}

impl Making {
    fn push(&mut self, command: Command) {
        if let Some(log_in) = first_log_in(&self.model, &command) {
            self.model.run(&log_in);
        }
        self.model.run(&command);
        self.script.push(command);
    }

    fn root(&mut self, act: Act) {
        self.push(root(act));
    }

    /// Permissions, roles and users, two of whom administrate within limits: one everywhere, one in a tenant.
    fn prepare(&mut self) {
        for permission in PERMISSIONS {
            if self.numbers.percent(85) {
                self.root(Act::AddPermission(permission.to_owned()));
            }
        }
        for role in ROLES.iter().take(4) {
            self.root(Act::AddRole((*role).to_owned()));
            for _ in 0..self.numbers.below(3) {
                let (role, pattern) = ((*role).to_owned(), self.pattern());
                self.root(Act::Grant { role, pattern });
            }
        }
        if self.numbers.percent(30) {
            let (role, on) = ("r3".to_owned(), true);
            self.root(Act::Approval { role, on });
        }
        if self.numbers.percent(50) {
            let constraint = self.constraint("c1".to_owned());
            self.root(Act::AddConstraint(constraint));
        }
        for user in USERS.iter().take(3) {
            let (user, roles) = ((*user).to_owned(), Vec::new());
            self.root(Act::AddUser { user, roles });
        }
        for own in OWN.iter().take(5) {
            if self.numbers.percent(60) {
                let (role, pattern) = ("r1".to_owned(), (*own).to_owned());
                self.root(Act::Grant { role, pattern });
            }
        }
        let (role, pattern) = ("r2".to_owned(), OWN[0].to_owned());
        self.root(Act::Grant { role, pattern });
        for to in [given("ann", "r1", None), given("ben", "r2", Some("acme"))] {
            let (from, until) = (None, None);
            self.root(Act::Assign { to, from, until });
        }
        for (user, tenant) in [("ann", None), ("ben", Some("acme"))] {
            let command = self.log_in(user, tenant);
            self.push(command);
        }
    }

    fn log_in(&mut self, user: &str, tenant: Option<&str>) -> Command {
        self.tokens += 1;
        Command::LogIn {
            token: format!("t{}", self.tokens),
            user: user.to_owned(),
            tenant: tenant.map(str::to_owned),
            scope: Vec::new(),
        }
    }

    fn command(&mut self) -> Command {
        if !self.model.requests.is_empty() && self.numbers.percent(12) {
            let token = self.token();
            let act = self.request();
            return Command::By { token, act };
        }
        match self.numbers.below(100) {
            0..13 => self.random_log_in(),
            13..17 => self.refresh(),
            17..19 => Command::RevokeToken(self.token()),
            19..26 => Command::Pass(WHILES[self.numbers.below(WHILES.len())]),
            26..44 => self.ask(),
            _ => self.by(),
        }
    }

    fn by(&mut self) -> Command {
        let token = if self.numbers.percent(45) {
            "root".to_owned()
        } else {
            self.token()
        };
        let act = match self.numbers.below(100) {
            0..24 => self.assign(),
            24..34 => self.unassign(),
            34..43 => self.grant(),
            43..46 => self.approval(),
            46..52 => self.revoke(),
            52..62 => self.inherit(),
            62..69 => self.disinherit(),
            69..74 => self.apply(),
            74..79 => Act::AddRole(self.role()),
            79..81 => Act::DeleteRole(self.role()),
            81 => self.request(),
            82..84 => Act::AddPermission(self.permission()),
            84..86 => Act::DeletePermission(self.permission()),
            86..92 => self.constrain(),
            _ => self.on_user(),
        };
        Command::By { token, act }
    }

    fn approval(&mut self) -> Act {
        let (role, on) = (self.role(), self.numbers.percent(70));
        Act::Approval { role, on }
    }

    /// Something about what was asked for, mostly by another than who asked.
    fn request(&mut self) -> Act {
        let requests = self.model.requests.keys();
        let asked: Vec<Given> = requests
            .filter_map(|key| {
                let mut users = self.model.users.iter();
                let (user, _) = users.find(|(_, user)| user.id == key.user)?;
                Some(given(user, &key.role, key.tenant.as_deref()))
            })
            .collect();
        let at = self.numbers.below(asked.len());
        let one = asked.get(at).cloned().unwrap_or_else(|| self.given_one());
        if self.numbers.percent(75) {
            Act::Confirm(one)
        } else {
            Act::EndRequest(one)
        }
    }

    fn constrain(&mut self) -> Act {
        let constraint = self.numbers.of(&CONSTRAINTS).to_owned();
        match self.numbers.below(12) {
            0..5 => Act::AddConstraint(self.constraint(constraint)),
            5..7 => Act::DeleteConstraint(constraint),
            7..9 => {
                let role = self.role();
                Act::AddMember { constraint, role }
            }
            9 => {
                let role = self.role();
                Act::RemoveMember { constraint, role }
            }
            _ => Act::Limit {
                constraint,
                at_most: self.numbers.below(4),
            },
        }
    }

    fn constraint(&mut self, name: Name) -> Constraint {
        let mut roles = Vec::new();
        for _ in 0..2 + self.numbers.below(2) {
            let role = self.role();
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let kind = self.numbers.of(&["static", "dynamic"]).to_owned();
        let at_most = match self.numbers.below(10) {
            0 => self.numbers.below(4),
            1..3 => 2,
            _ => 1,
        };
        Constraint {
            name,
            kind,
            at_most,
            roles,
        }
    }

    fn on_user(&mut self) -> Act {
        let user = self.user();
        match self.numbers.below(14) {
            0..4 => {
                let count = self.numbers.below(3);
                let roles = (0..count).map(|_| self.role()).collect();
                Act::AddUser { user, roles }
            }
            4..6 => Act::DeleteUser(user),
            6..8 => Act::Disable(user),
            8..11 => Act::Enable(user),
            11..13 => Act::EndSessions(user),
            _ => Act::LogOut,
        }
    }

    fn user(&mut self) -> Name {
        let limit = if self.numbers.percent(90) { 4 } else { 5 };
        self.numbers.of(&USERS[..limit]).to_owned()
    }

    fn role(&mut self) -> Name {
        let limit = if self.numbers.percent(90) { 5 } else { 8 };
        self.numbers.of(&ROLES[..limit]).to_owned()
    }

    fn permission(&mut self) -> Name {
        if self.numbers.percent(97) {
            self.numbers.of(&PERMISSIONS).to_owned()
        } else {
            self.numbers.of(&OWN[..5]).to_owned()
        }
    }

    fn pattern(&mut self) -> Name {
        match self.numbers.below(10) {
            0..6 => self.numbers.of(&PERMISSIONS).to_owned(),
            6..8 => self.numbers.of(&WILDCARDS).to_owned(),
            _ => self.numbers.of(&OWN).to_owned(),
        }
    }

    fn tenant(&mut self) -> Option<Name> {
        let named = self.numbers.percent(45);
        named.then(|| self.numbers.of(&TENANTS).to_owned())
    }

    /// A token that is there, mostly one that stands.
    fn token(&mut self) -> Name {
        let stand = self.numbers.percent(92);
        let tokens = self.model.tokens.values();
        let tokens = tokens.filter(|token| !stand || self.model.stands(token));
        let names: Vec<Name> = tokens.map(|token| token.name.clone()).collect();
        let at = self.numbers.below(names.len());
        names.get(at).cloned().unwrap_or_else(|| "root".to_owned())
    }

    fn random_log_in(&mut self) -> Command {
        let (user, tenant) = (self.user(), self.tenant());
        let held = self.model.id_of(&user).map(|id| {
            let counted = self.model.counted_now(id, tenant.as_deref());
            let roles = counted
                .roles()
                .into_iter()
                .map(|role| format!("role:{role}"));
            let values = roles.chain(self.model.permissions_of(&counted));
            values.collect::<Vec<Name>>()
        });
        let mut command = self.log_in(&user, tenant.as_deref());
        if let Command::LogIn { scope, .. } = &mut command
            && self.numbers.percent(40)
        {
            *scope = self.scope(&held.unwrap_or_default());
        }
        command
    }

    /// One or two scope values, mostly among those `held`.
    fn scope(&mut self, held: &[Name]) -> Vec<Name> {
        let mut scope = Vec::new();
        for _ in 0..=self.numbers.below(2) {
            let value = match held.get(self.numbers.below(held.len())) {
                Some(value) if self.numbers.percent(85) => value.clone(),
                _ if self.numbers.percent(50) => format!("role:{}", self.role()),
                _ => self.permission(),
            };
            if !scope.contains(&value) {
                scope.push(value);
            }
        }
        scope
    }

    fn refresh(&mut self) -> Command {
        let at = self.numbers.below(self.model.sessions.len());
        let session = self.model.sessions.get(at);
        let of = session.map(|session| session.name.clone());
        let of = of.unwrap_or_else(|| "t1".to_owned());
        let scope = if self.numbers.percent(30) {
            let session = self.model.sessions.get(at);
            let given = session.map(|session| session.given.iter().cloned().collect::<Vec<_>>());
            self.scope(&given.unwrap_or_default())
        } else {
            Vec::new()
        };
        self.tokens += 1;
        let token = format!("t{}", self.tokens);
        Command::Refresh { token, of, scope }
    }

    fn ask(&mut self) -> Command {
        let need = match self.numbers.below(10) {
            0..6 => self.permission(),
            6 => self.numbers.of(&OWN[..6]).to_owned(),
            _ => format!("role:{}", self.role()),
        };
        let (user, tenant) = (self.user(), self.tenant());
        Command::Ask { user, need, tenant }
    }

    fn moment(&mut self, percent: usize) -> Option<i64> {
        if !self.numbers.percent(percent) {
            return None;
        }
        let sign = if self.numbers.percent(12) { -1 } else { 1 };
        let by = if self.numbers.percent(8) {
            0
        } else {
            WHILES[self.numbers.below(12)]
        };
        Some(self.model.now + sign * by)
    }

    fn assign(&mut self) -> Act {
        let to = if self.numbers.percent(20) {
            self.given_one()
        } else {
            let (user, role, tenant) = (self.user(), self.role(), self.tenant());
            given(&user, &role, tenant.as_deref())
        };
        let (from, until) = (self.moment(25), self.moment(40));
        Act::Assign { to, from, until }
    }

    fn unassign(&mut self) -> Act {
        Act::Unassign(self.given_one())
    }

    /// An assignment, mostly one that is there.
    fn given_one(&mut self) -> Given {
        let all: Vec<Given> = self
            .model
            .users
            .iter()
            .flat_map(|(name, user)| {
                let theirs = self.model.assignments_of(user.id);
                theirs.map(|(key, _)| given(name, &key.role, key.tenant.as_deref()))
            })
            .collect();
        match all.get(self.numbers.below(all.len())) {
            Some(one) if self.numbers.percent(80) => one.clone(),
            _ => {
                let (user, role, tenant) = (self.user(), self.role(), self.tenant());
                given(&user, &role, tenant.as_deref())
            }
        }
    }

    /// One of the pairs that are there, mostly, and none of those of rolecall's own roles.
    fn pair(
        &mut self,
        all: impl Fn(&Model) -> Vec<(Name, Name)>,
        other: impl Fn(&mut Self) -> Name,
    ) -> (Name, Name) {
        let mut all = all(&self.model);
        all.retain(|(role, _)| !is_own(role));
        match all.get(self.numbers.below(all.len())) {
            Some(pair) if self.numbers.percent(80) => pair.clone(),
            _ => (self.role(), other(self)),
        }
    }

    fn grant(&mut self) -> Act {
        let (role, pattern) = (self.role(), self.pattern());
        Act::Grant { role, pattern }
    }

    fn revoke(&mut self) -> Act {
        let all = |model: &Model| model.grants.iter().cloned().collect();
        let (role, pattern) = self.pair(all, Self::pattern);
        Act::Revoke { role, pattern }
    }

    fn inherit(&mut self) -> Act {
        let (senior, junior) = (self.role(), self.role());
        Act::Inherit { senior, junior }
    }

    fn disinherit(&mut self) -> Act {
        let all = |model: &Model| model.juniors.iter().cloned().collect();
        let (senior, junior) = self.pair(all, Self::role);
        Act::Disinherit { senior, junior }
    }

    /// The policy that is there with a few changes, or none.
    fn apply(&mut self) -> Act {
        let mut document = self.present();
        for _ in 0..self.numbers.below(4) {
            self.edit(&mut document);
        }
        Act::Apply(document)
    }

    fn present(&self) -> Document {
        let model = &self.model;
        let permissions = model.permissions.iter().filter(|one| !is_own(one));
        let roles = model.roles.iter().filter(|role| !is_own(role));
        let second = |all: &std::collections::BTreeSet<(Name, Name)>, role: &Name| {
            let own = all.iter().filter(|(first, _)| first == role);
            own.map(|(_, second)| second.clone()).collect()
        };
        let entry = |role: &Name| Entry {
            role: role.clone(),
            patterns: second(&model.grants, role),
            juniors: second(&model.juniors, role),
            approval: model.approval.contains(role),
        };
        let constraint = |(name, duty): (&Name, &Duty)| Constraint {
            name: name.clone(),
            kind: if duty.is_static { "static" } else { "dynamic" }.to_owned(),
            at_most: duty.at_most,
            roles: duty.roles.iter().cloned().collect(),
        };
        Document {
            permissions: permissions.cloned().collect(),
            roles: roles.map(entry).collect(),
            constraints: model.constraints.iter().map(constraint).collect(),
        }
    }

    fn edit(&mut self, document: &mut Document) {
        let (role, permission, pattern) = (self.role(), self.permission(), self.pattern());
        let at = self.numbers.below(document.roles.len());
        match self.numbers.below(11) {
            10 => {
                if let Some(entry) = document.roles.get_mut(at) {
                    entry.approval = !entry.approval;
                }
            }
            8 => {
                let name = self.numbers.of(&CONSTRAINTS).to_owned();
                document.constraints.retain(|one| one.name != name);
                let constraint = self.constraint(name);
                document.constraints.push(constraint);
            }
            9 => drop(document.constraints.pop()),
            0 if !document.permissions.contains(&permission) => {
                document.permissions.push(permission);
            }
            1 => {
                document.permissions.retain(|one| *one != permission);
                // who leaves it in a role has no policy any more
                if self.numbers.percent(80) {
                    let entries = document.roles.iter_mut();
                    entries.for_each(|entry| entry.patterns.retain(|one| *one != permission));
                }
            }
            2 if !document.roles.iter().any(|entry| entry.role == role) => {
                let patterns = vec![pattern];
                document.roles.push(Entry {
                    role,
                    patterns,
                    ..Entry::default()
                });
            }
            3 => {
                document.roles.retain(|entry| entry.role != role);
                if self.numbers.percent(80) {
                    let entries = document.roles.iter_mut();
                    entries.for_each(|entry| entry.juniors.retain(|one| *one != role));
                }
            }
            step => {
                if let Some(entry) = document.roles.get_mut(at) {
                    match step {
                        4 => toggle(&mut entry.patterns, pattern),
                        5 => toggle(&mut entry.juniors, role),
                        6 => entry.patterns.truncate(1),
                        _ => entry.juniors.clear(),
                    }
                }
            }
        }
    }
}

fn toggle(names: &mut Vec<Name>, name: Name) {
    if names.contains(&name) {
        names.retain(|one| *one != name);
    } else {
        names.push(name);
    }
}

//! Random sequences of commands, most of them about something that exists.

mod document;
mod duties;
mod sessions;

use crate::{
    command::{Act, AssignmentKey, Command, Name},
    model::{Model, is_own},
    play::root_login_before,
    random::Random,
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
/// In seconds, around the limits that the clock decides: the rest of an assignment, the lifetimes of tokens and
/// sessions.
const DURATIONS: [i64; 14] = [
    1, 10, 29, 30, 31, 60, 299, 300, 600, 1799, 1800, 3600, 86_400, 1_209_600,
];

/// A script under construction, with the model after it.
struct Generator {
    random: Random,
    model: Model,
    script: Vec<Command>,
    tokens: usize,
}

/// Generates the script of `seed`: some preparations, then `length` commands.
pub(crate) fn generate(seed: u64, length: usize) -> Vec<Command> {
    let mut generator = Generator {
        random: Random::new(seed),
        model: Model::new(),
        script: Vec::new(),
        tokens: 0,
    };
    generator.prepare();
    for _ in 0..length {
        let command = generator.command();
        generator.push(command);
    }
    generator.script
}

fn root(act: Act) -> Command {
    Command::By {
        token: "root".to_owned(),
        act,
    }
}

fn assignment_key(user: &str, role: &str, tenant: Option<&str>) -> AssignmentKey {
    AssignmentKey {
        user: user.to_owned(),
        role: role.to_owned(),
        tenant: tenant.map(str::to_owned),
    }
}

impl Generator {
    fn push(&mut self, command: Command) {
        if let Some(log_in) = root_login_before(&self.model, &command) {
            self.model.run(&log_in);
        }
        self.model.run(&command);
        self.script.push(command);
    }

    fn root(&mut self, act: Act) {
        self.push(root(act));
    }

    /// Creates permissions, roles and users, two of them limited administrators: one globally, one in a tenant.
    fn prepare(&mut self) {
        for permission in PERMISSIONS {
            if self.random.percent(85) {
                self.root(Act::AddPermission(permission.to_owned()));
            }
        }
        for role in ROLES.iter().take(4) {
            self.root(Act::AddRole((*role).to_owned()));
            for _ in 0..self.random.below(3) {
                let (role, pattern) = ((*role).to_owned(), self.pattern());
                self.root(Act::Grant { role, pattern });
            }
        }
        if self.random.percent(30) {
            let (role, on) = ("r3".to_owned(), true);
            self.root(Act::Approval { role, on });
        }
        if self.random.percent(50) {
            let constraint = self.constraint("c1".to_owned());
            self.root(Act::AddConstraint(constraint));
        }
        for user in USERS.iter().take(3) {
            let (user, roles) = ((*user).to_owned(), Vec::new());
            self.root(Act::AddUser { user, roles });
        }
        for own in OWN.iter().take(5) {
            if self.random.percent(60) {
                let (role, pattern) = ("r1".to_owned(), (*own).to_owned());
                self.root(Act::Grant { role, pattern });
            }
        }
        let (role, pattern) = ("r2".to_owned(), OWN[0].to_owned());
        self.root(Act::Grant { role, pattern });
        for to in [
            assignment_key("ann", "r1", None),
            assignment_key("ben", "r2", Some("acme")),
        ] {
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
        if !self.model.requests.is_empty() && self.random.percent(12) {
            let token = self.token();
            let act = self.request();
            return Command::By { token, act };
        }
        match self.random.below(100) {
            0..13 => self.random_log_in(),
            13..17 => self.refresh(),
            17..19 => Command::RevokeToken(self.token()),
            19..26 => self.pass(),
            26..44 => self.ask(),
            _ => self.by(),
        }
    }

    fn by(&mut self) -> Command {
        let token = if self.random.percent(45) {
            "root".to_owned()
        } else {
            self.token()
        };
        let act = match self.random.below(100) {
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

    fn on_user(&mut self) -> Act {
        let user = self.user();
        match self.random.below(14) {
            0..4 => {
                let count = self.random.below(3);
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
        let limit = if self.random.percent(90) { 4 } else { 5 };
        self.random.of(&USERS[..limit]).to_owned()
    }

    fn role(&mut self) -> Name {
        let limit = if self.random.percent(90) { 5 } else { 8 };
        self.random.of(&ROLES[..limit]).to_owned()
    }

    fn permission(&mut self) -> Name {
        if self.random.percent(97) {
            self.random.of(&PERMISSIONS).to_owned()
        } else {
            self.random.of(&OWN[..5]).to_owned()
        }
    }

    fn pattern(&mut self) -> Name {
        match self.random.below(10) {
            0..6 => self.random.of(&PERMISSIONS).to_owned(),
            6..8 => self.random.of(&WILDCARDS).to_owned(),
            _ => self.random.of(&OWN).to_owned(),
        }
    }

    fn tenant(&mut self) -> Option<Name> {
        let named = self.random.percent(45);
        named.then(|| self.random.of(&TENANTS).to_owned())
    }

    /// An existing token, mostly a valid one.
    fn token(&mut self) -> Name {
        let stand = self.random.percent(92);
        let tokens = self.model.tokens.values();
        let tokens = tokens.filter(|token| !stand || self.model.is_valid(token));
        let names: Vec<Name> = tokens.map(|token| token.name.clone()).collect();
        let at = self.random.below(names.len());
        names.get(at).cloned().unwrap_or_else(|| "root".to_owned())
    }

    /// Moves the clock, mostly to where something begins or ends, or to a second before it.
    fn pass(&mut self) -> Command {
        let model = &self.model;
        let times = model.assigned.values();
        let turns = times.flat_map(|times| [times.from, times.until]).flatten();
        let ends = model.tokens.values().map(|token| token.ends);
        let turns: Vec<i64> = turns.chain(ends).filter(|at| *at > model.now).collect();
        let other = DURATIONS[self.random.below(DURATIONS.len())];
        let at = self.random.below(turns.len());
        Command::Pass(match turns.get(at) {
            Some(turn) if self.random.percent(60) => {
                turn - self.model.now - i64::from(self.random.percent(25))
            }
            _ => other,
        })
    }

    /// A decision, mostly about an existing assignment.
    fn ask(&mut self) -> Command {
        if self.random.percent(60) {
            let AssignmentKey { user, role, tenant } = self.random_assignment();
            let below = self.model.closure([&role]);
            let assignment_key = self.model.expand(&self.model.patterns_of(&below));
            let roles = below.into_iter().map(|role| format!("role:{role}"));
            let needs: Vec<Name> = roles.chain(assignment_key).collect();
            let at = self.random.below(needs.len());
            if let Some(need) = needs.get(at).cloned() {
                return Command::Ask { user, need, tenant };
            }
        }
        let need = match self.random.below(10) {
            0..6 => self.permission(),
            6 => self.random.of(&OWN[..6]).to_owned(),
            _ => format!("role:{}", self.role()),
        };
        let (user, tenant) = (self.user(), self.tenant());
        Command::Ask { user, need, tenant }
    }

    fn moment(&mut self, percent: usize) -> Option<i64> {
        if !self.random.percent(percent) {
            return None;
        }
        let sign = if self.random.percent(12) { -1 } else { 1 };
        let by = if self.random.percent(8) {
            0
        } else {
            DURATIONS[self.random.below(12)]
        };
        Some(self.model.now + sign * by)
    }

    fn assign(&mut self) -> Act {
        let to = if self.random.percent(20) {
            self.random_assignment()
        } else {
            let (user, role, tenant) = (self.user(), self.role(), self.tenant());
            assignment_key(&user, &role, tenant.as_deref())
        };
        let (from, until) = (self.moment(25), self.moment(40));
        Act::Assign { to, from, until }
    }

    fn unassign(&mut self) -> Act {
        Act::Unassign(self.random_assignment())
    }

    /// The key of an assignment, mostly of an existing one.
    fn random_assignment(&mut self) -> AssignmentKey {
        let all: Vec<AssignmentKey> = self
            .model
            .users
            .iter()
            .flat_map(|(name, user)| {
                let theirs = self.model.assignments_of(user.id);
                theirs.map(|(key, _)| assignment_key(name, &key.role, key.tenant.as_deref()))
            })
            .collect();
        match all.get(self.random.below(all.len())) {
            Some(one) if self.random.percent(80) => one.clone(),
            _ => {
                let (user, role, tenant) = (self.user(), self.role(), self.tenant());
                assignment_key(&user, &role, tenant.as_deref())
            }
        }
    }

    /// A pair, mostly an existing one, but none of a built-in role.
    fn pair(
        &mut self,
        all: impl Fn(&Model) -> Vec<(Name, Name)>,
        other: impl Fn(&mut Self) -> Name,
    ) -> (Name, Name) {
        let mut all = all(&self.model);
        all.retain(|(role, _)| !is_own(role));
        match all.get(self.random.below(all.len())) {
            Some(pair) if self.random.percent(80) => pair.clone(),
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
}

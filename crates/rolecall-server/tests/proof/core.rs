//! `rolecall-core` compared with the model: policy, decisions, the delegation limit, floors.

mod convert;

use std::collections::BTreeSet;

use rolecall_core::{
    Authority, Decision, Floor as CoreFloor, FloorKind, Floors, Need, Permission, Policy,
    PolicyBuilder, Question as CoreQuestion, RoleName, TenantName, TokenFacts, builtin,
};

use crate::{
    command::{Act, Command, Name},
    model::{ANY, Answer, Duty, Model, Names, Of, Token, is_own},
    play::{Compared, Counts},
    truth::{Lack, Question},
};

use convert::{assignment, cause, constraint, moment, parse, rules_of, way};

/// What the core makes of the same commands.
#[derive(Default)]
pub(crate) struct Core {
    policy: Policy,
    floors: Floors,
    /// How many of the model's floors were raised.
    raised: usize,
    counts: Counts,
}

fn names<'a, T: ToString + 'a>(all: impl IntoIterator<Item = &'a T>) -> Names {
    all.into_iter().map(ToString::to_string).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, core: &T, model: &T) -> Result<(), String> {
    if core == model {
        Ok(())
    } else {
        Err(format!(
            "{what}:\nthe core says {core:?}\nthe model {model:?}"
        ))
    }
}

impl Compared for Core {
    fn name(&self) -> &'static str {
        "core"
    }

    async fn begin(&mut self) -> Result<(), String> {
        let rules = builtin::rules();
        self.policy = rules.build().map_err(|error| error.to_string())?;
        self.floors = Floors::default();
        self.raised = 0;
        Ok(())
    }

    async fn renew(&mut self) {
        *self = Self::default();
    }

    async fn run(
        &mut self,
        command: &Command,
        (before, after): (&Model, &Model),
        answer: &Answer,
    ) -> Result<(), String> {
        match command {
            Command::Ask { user, need, tenant } => {
                let tenant = tenant.as_deref();
                if let Some(user) = after.id_of(user) {
                    self.decide(after, Question { user, need, tenant })?;
                }
            }
            Command::By { token, act } if before.tokens.get(token) == after.tokens.get(token) => {
                let token = &before.tokens[token];
                if before.stands(token) {
                    self.limit(before, token, act)?;
                    self.cycle(before, act, answer)?;
                    if let Act::AddConstraint(one) = act {
                        self.duties(before, &Duty::of(one))?;
                    }
                }
            }
            _ => {}
        }
        if before.revision != after.revision {
            self.follow(before, after)?;
        }
        self.floors(after)
    }

    async fn end(&mut self, model: &Model) -> Result<(), String> {
        let enough = |one: &&Name| !is_own(one) || one.ends_with("s:write");
        for user in model.users.values() {
            for tenant in [None, Some("acme"), Some("beta")] {
                let roles = model.roles.iter().map(|role| format!("role:{role}"));
                let permissions = model.permissions.iter().filter(enough).cloned();
                for need in roles.chain(permissions) {
                    let (user, need) = (user.id, need.as_str());
                    self.decide(model, Question { user, need, tenant })?;
                }
            }
        }
        Ok(())
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }
}

impl Core {
    /// Changes the policy by what is different, and compares all that follows from it.
    fn follow(&mut self, before: &Model, after: &Model) -> Result<(), String> {
        let is_same = before.roles == after.roles
            && before.permissions == after.permissions
            && before.grants == after.grants
            && before.juniors == after.juniors
            && before.constraints == after.constraints
            && before.approval == after.approval;
        if is_same {
            return Ok(());
        }
        let mut rules = PolicyBuilder::from(&self.policy);
        for permission in after.permissions.difference(&before.permissions) {
            rules.permission(parse(permission)?);
        }
        for permission in before.permissions.difference(&after.permissions) {
            rules.remove_permission(&parse(permission)?);
        }
        for role in before.roles.difference(&after.roles) {
            rules.remove_role(&parse(role)?);
        }
        for role in &after.roles {
            let rules_of = rules_of(after, role)?;
            if self.policy.role(role) != Some(&rules_of) {
                rules.set_role(parse(role)?, rules_of);
            }
        }
        let gone = before.constraints.keys();
        for name in gone.filter(|name| !after.constraints.contains_key(*name)) {
            rules.remove_constraint(&parse(name)?);
        }
        for (name, duty) in &after.constraints {
            rules.constraint(parse(name)?, constraint(duty)?);
        }
        self.policy = rules.build().map_err(|error| error.to_string())?;
        self.compare(after)
    }

    /// What a constraint would forbid if it were there, now and later, assigned and active.
    fn duties(&self, model: &Model, wanted: &Duty) -> Result<(), String> {
        if !wanted.is_possible() || !wanted.roles.is_subset(&model.roles) {
            return Ok(());
        }
        let mut rules = PolicyBuilder::from(&self.policy);
        for (name, _) in self.policy.constraints() {
            rules.remove_constraint(name);
        }
        rules.constraint(parse("c")?, constraint(wanted)?);
        let policy = rules.build().map_err(|error| error.to_string())?;
        for user in model.users.values() {
            let given = model.assignments_of(user.id);
            let given: Result<Vec<_>, _> =
                given.map(|(key, times)| assignment(key, times)).collect();
            let breach = policy.static_breach(&given?, moment(model.now));
            let right = if wanted.is_static {
                model.breaches(wanted, user.id)
            } else {
                BTreeSet::new()
            };
            same("a breach", &breach.is_some(), &!right.is_empty())?;
            if let Some(breach) = breach {
                same("roles", &right.contains(&names(&breach.roles)), &true)?;
                let path: Vec<Name> = breach.path.iter().map(ToString::to_string).collect();
                if let Some(first) = path.first() {
                    model.check_path(first, &path)?;
                }
            }
        }
        for token in model.tokens.values() {
            let active: Result<BTreeSet<RoleName>, _> =
                token.roles.iter().map(|role| parse(role)).collect();
            let breach = policy.dynamic_breach(&active?);
            let right = wanted.broken_by(&token.roles).filter(|_| !wanted.is_static);
            same("active", &breach.map(|breach| names(&breach.roles)), &right)?;
        }
        Ok(())
    }

    fn compare(&self, model: &Model) -> Result<(), String> {
        let roles = names(self.policy.roles().map(|(role, _)| role));
        same("roles", &roles, &model.roles)?;
        let permissions = names(self.policy.permissions());
        same("permissions", &permissions, &model.permissions)?;
        for role in &model.roles {
            let name: RoleName = parse(role)?;
            let below = model.below([role]);
            same(role, &names(&self.policy.closure([&name])), &below)?;
            let given = model.expand(&model.patterns_of(&below));
            same(role, &names(&self.policy.permissions_of([&name])), &given)?;
            let above = model.roles.iter();
            let above = above.filter(|one| model.below([*one]).contains(role));
            let above: Names = above.cloned().collect();
            same(role, &names(&self.policy.seniors(&name)), &above)?;
        }
        for permission in &model.permissions {
            let giving = self.policy.roles_giving(&parse(permission)?);
            let all = model.roles.iter();
            let all: Names = all
                .filter(|role| model.gives(role, permission))
                .cloned()
                .collect();
            same(permission, &names(&giving), &all)?;
        }
        Ok(())
    }

    fn decide(&mut self, model: &Model, question: Question<'_>) -> Result<(), String> {
        self.counts.decisions += 1;
        let given = model.assignments_of(question.user);
        let given: Result<Vec<_>, _> = given.map(|(key, times)| assignment(key, times)).collect();
        let given = given?;
        let tenant: Option<TenantName> = question.tenant.map(parse).transpose()?;
        let (role, permission): (Option<RoleName>, Option<Permission>);
        let need = if let Some(name) = question.need.strip_prefix("role:") {
            role = Some(parse(name)?);
            role.as_ref().map(Need::Role)
        } else {
            permission = Some(parse(question.need)?);
            permission.as_ref().map(Need::Permission)
        };
        let asked = CoreQuestion {
            need: need.ok_or("nothing is needed")?,
            tenant: tenant.as_ref(),
            at: moment(model.now),
        };
        let decision = self.policy.decide(&given, &asked);
        let right = model.holds(question.user, question.need, question.tenant);
        same(question.need, &decision.is_allowed(), &right)?;
        match decision {
            Decision::Allowed(by) => model.check_way(question, &way(&by)),
            Decision::Denied(shortfall) => {
                let lost = shortfall.inactive.iter();
                let lost = lost.map(|lost| (cause(lost.reason).to_owned(), way(&lost.derivation)));
                let lack = Lack {
                    exists: shortfall.is_known,
                    would_give: shortfall
                        .smallest_roles
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                    lost: lost.take(10).collect(),
                };
                model.check_lack(question, &lack)
            }
        }
    }

    /// The delegation limit on what is acted on.
    fn limit(&self, model: &Model, token: &Token, act: &Act) -> Result<(), String> {
        let (role, tenant) = match act {
            Act::Assign { to: given, .. } | Act::Unassign(given) => {
                (&given.role, given.tenant.as_deref())
            }
            Act::DeleteRole(role)
            | Act::Grant { role, .. }
            | Act::Revoke { role, .. }
            | Act::Inherit { senior: role, .. }
            | Act::Disinherit { senior: role, .. } => (role, None),
            _ => return Ok(()),
        };
        let right = model.authority(token, tenant);
        let core = self.authority(model, token, tenant)?;
        same("unlimited", &core.is_unlimited(), &right.unlimited)?;
        for permission in &model.permissions {
            let holds = core.holds(&parse(permission)?);
            same(permission, &holds, &right.holds(permission))?;
        }
        let (name, open): (RoleName, _) = (parse(role)?, BTreeSet::from([parse("user")?]));
        let covered = match tenant {
            Some(_) => core.covers_in_tenant(&self.policy, [&name], &open),
            None => core.covers(&self.policy, [&name], &open),
        };
        let excess = covered.err().unwrap_or_default();
        let mut lacking = names(&excess.permissions);
        lacking.extend(names(&excess.roles));
        let right: Names = model
            .lacking(&right, [role], tenant.is_some())
            .into_iter()
            .collect();
        same("lacking", &lacking, &right)?;
        if right.is_empty() {
            return Ok(());
        }
        let path: Vec<Name> = excess.path.iter().map(ToString::to_string).collect();
        model.check_path(role, &path)
    }

    /// What the server makes of the core's parts for the bearer of a token.
    fn authority(
        &self,
        model: &Model,
        token: &Token,
        tenant: Option<&str>,
    ) -> Result<Authority, String> {
        let tenant = tenant.filter(|tenant| token.tenant.as_deref() == Some(*tenant));
        let counted = model.counted_now(token.user, tenant);
        let parsed = |roles: &Names| {
            let roles = roles.iter().map(|role| parse::<RoleName>(role));
            roles.collect::<Result<BTreeSet<_>, _>>()
        };
        let (mut global, mut local) = (parsed(&counted.global)?, parsed(&counted.local)?);
        global.retain(|role| token.roles.contains(role.as_str()));
        local.retain(|role| role.is_reserved() || token.roles.contains(role.as_str()));
        let any: Permission = parse(ANY)?;
        let whole = Authority::of(&self.policy, &global, &any).union(Authority::in_tenant(
            &self.policy,
            &local,
            &any,
        ));
        let scope = token.permissions.iter().map(|one| parse(one));
        let scope = scope.collect::<Result<BTreeSet<_>, _>>()?;
        Ok(whole.limit_to_token(&self.policy, &parsed(&token.roles)?, &scope, &any))
    }

    /// A cycle is named by the whole way round.
    fn cycle(&self, model: &Model, act: &Act, answer: &Answer) -> Result<(), String> {
        let Act::Inherit { senior, junior } = act else {
            return Ok(());
        };
        let (top, below): (RoleName, RoleName) = (parse(senior)?, parse(junior)?);
        let Some(round) = self.policy.cycle_with(&top, &below) else {
            let closes = model.below([junior]).contains(senior);
            return same("a cycle", &false, &closes);
        };
        same("done", &false, &answer.is_done())?;
        let round: Vec<Name> = round.iter().map(ToString::to_string).collect();
        let back = round.get(1..).unwrap_or_default();
        same("the way round", &round.first(), &Some(senior))?;
        same("the way round", &back.last(), &Some(senior))?;
        model.check_path(junior, back)
    }

    /// Raises the floors that are new, and asks for each token.
    fn floors(&mut self, model: &Model) -> Result<(), String> {
        for floor in model.floors.iter().skip(self.raised) {
            let (kind, key) = match &floor.of {
                Of::Subject(user) => (FloorKind::Subject, user.to_string()),
                Of::Role(role) => (FloorKind::Role, role.clone()),
                Of::Session(session) => (FloorKind::Sid, session.to_string()),
                Of::Token(token) => (FloorKind::Jti, token.clone()),
            };
            self.floors.raise(&CoreFloor {
                kind,
                key,
                revision: floor.revision,
                until: moment(model.now + 1800 + 90),
            });
        }
        self.raised = model.floors.len();
        self.floors.prune(moment(model.now));
        for token in model.tokens.values() {
            let (subject, session) = (token.user.to_string(), token.session.to_string());
            let facts = TokenFacts {
                subject: &subject,
                client: "rolecall",
                roles: &token.roles,
                sid: Some(&session),
                jti: &token.name,
                rev: token.revision,
            };
            let stands = model.now < token.ends && self.floors.refuses(&facts).is_none();
            same(&token.name, &stands, &model.stands(token))?;
            self.counts.looks += 1;
            self.counts.ended += usize::from(!stands);
        }
        Ok(())
    }
}

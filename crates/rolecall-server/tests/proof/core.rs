//! `rolecall-core` compared with the model: policy, decisions, the delegation limit, floors.

mod convert;

use std::collections::BTreeSet;

use rolecall_core::{
    Authority, Decision, Floor as CoreFloor, FloorKind, Floors, Need, Permission, Policy,
    PolicyBuilder, Question as CoreQuestion, RoleName, TenantName, TokenFacts, builtin,
};

use crate::{
    command::{Act, Command, Name},
    explanation::{DenialReasons, Question},
    model::{ANY, Duty, FloorKey, Model, Names, Outcome, Token, is_own},
    play::{Counts, Implementation},
};

use convert::{assignment, cause, constraint, grant_path, moment, parse, rules_of};

/// The state of the core after the same commands.
#[derive(Default)]
pub(crate) struct Core {
    policy: Policy,
    floors: Floors,
    /// The number of the model's floors that were raised.
    raised: usize,
    counts: Counts,
}

fn names<'a, T: ToString + 'a>(all: impl IntoIterator<Item = &'a T>) -> Names {
    all.into_iter().map(ToString::to_string).collect()
}

fn expect_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    core: &T,
    model: &T,
) -> Result<(), String> {
    if core == model {
        Ok(())
    } else {
        Err(format!("{what}:\ncore: {core:?}\nmodel: {model:?}"))
    }
}

impl Implementation for Core {
    fn name(&self) -> &'static str {
        "core"
    }

    async fn reset(&mut self) -> Result<(), String> {
        let rules = builtin::rules();
        self.policy = rules.build().map_err(|error| error.to_string())?;
        self.floors = Floors::default();
        self.raised = 0;
        Ok(())
    }

    async fn recreate(&mut self) {
        *self = Self::default();
    }

    async fn run(
        &mut self,
        command: &Command,
        (before, after): (&Model, &Model),
        outcome: &Outcome,
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
                if before.is_valid(token) {
                    self.limit(before, token, act)?;
                    self.cycle(before, act, outcome)?;
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

    async fn finish(&mut self, model: &Model) -> Result<(), String> {
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
    /// Applies the differences in the policy, and compares everything derived from it.
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
        let removed = before.constraints.keys();
        for name in removed.filter(|name| !after.constraints.contains_key(*name)) {
            rules.remove_constraint(&parse(name)?);
        }
        for (name, duty) in &after.constraints {
            rules.constraint(parse(name)?, constraint(duty)?);
        }
        self.policy = rules.build().map_err(|error| error.to_string())?;
        self.compare(after)
    }

    /// Compares the violations that a constraint would find, among assignments and in tokens.
    fn duties(&self, model: &Model, target: &Duty) -> Result<(), String> {
        if !target.is_possible() || !target.roles.is_subset(&model.roles) {
            return Ok(());
        }
        let mut rules = PolicyBuilder::from(&self.policy);
        for (name, _) in self.policy.constraints() {
            rules.remove_constraint(name);
        }
        rules.constraint(parse("c")?, constraint(target)?);
        let policy = rules.build().map_err(|error| error.to_string())?;
        for user in model.users.values() {
            let assignments = model.assignments_of(user.id);
            let assignments: Result<Vec<_>, _> = assignments
                .map(|(key, times)| assignment(key, times))
                .collect();
            let breach = policy.static_breach(&assignments?, moment(model.now));
            let expected = if target.is_static {
                model.breaches(target, user.id)
            } else {
                BTreeSet::new()
            };
            expect_equal("a breach", &breach.is_some(), &!expected.is_empty())?;
            if let Some(breach) = breach {
                expect_equal("roles", &expected.contains(&names(&breach.roles)), &true)?;
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
            let expected = target.violation(&token.roles).filter(|_| !target.is_static);
            expect_equal(
                "active",
                &breach.map(|breach| names(&breach.roles)),
                &expected,
            )?;
        }
        Ok(())
    }

    fn compare(&self, model: &Model) -> Result<(), String> {
        let roles = names(self.policy.roles().map(|(role, _)| role));
        expect_equal("roles", &roles, &model.roles)?;
        let permissions = names(self.policy.permissions());
        expect_equal("permissions", &permissions, &model.permissions)?;
        for role in &model.roles {
            let name: RoleName = parse(role)?;
            let below = model.closure([role]);
            expect_equal(role, &names(&self.policy.closure([&name])), &below)?;
            let permissions = model.expand(&model.patterns_of(&below));
            expect_equal(
                role,
                &names(&self.policy.permissions_of([&name])),
                &permissions,
            )?;
            let above = model.roles.iter();
            let above = above.filter(|one| model.closure([*one]).contains(role));
            let above: Names = above.cloned().collect();
            expect_equal(role, &names(&self.policy.seniors(&name)), &above)?;
        }
        for permission in &model.permissions {
            let giving = self.policy.roles_giving(&parse(permission)?);
            let all = model.roles.iter();
            let all: Names = all
                .filter(|role| model.gives(role, permission))
                .cloned()
                .collect();
            expect_equal(permission, &names(&giving), &all)?;
        }
        Ok(())
    }

    fn decide(&mut self, model: &Model, question: Question<'_>) -> Result<(), String> {
        self.counts.decisions += 1;
        let assignments = model.assignments_of(question.user);
        let assignments: Result<Vec<_>, _> = assignments
            .map(|(key, times)| assignment(key, times))
            .collect();
        let assignments = assignments?;
        let tenant: Option<TenantName> = question.tenant.map(parse).transpose()?;
        let (role, permission): (Option<RoleName>, Option<Permission>);
        let need = if let Some(name) = question.need.strip_prefix("role:") {
            role = Some(parse(name)?);
            role.as_ref().map(Need::Role)
        } else {
            permission = Some(parse(question.need)?);
            permission.as_ref().map(Need::Permission)
        };
        let requested = CoreQuestion {
            need: need.ok_or("no need")?,
            tenant: tenant.as_ref(),
            at: moment(model.now),
        };
        let decision = self.policy.decide(&assignments, &requested);
        let expected = model.holds(question.user, question.need, question.tenant);
        expect_equal(question.need, &decision.is_allowed(), &expected)?;
        match decision {
            Decision::Allowed(by) => model.check_allowed(question, &grant_path(&by)),
            Decision::Denied(shortfall) => {
                let lost = shortfall.inactive.iter();
                let lost =
                    lost.map(|lost| (cause(lost.reason).to_owned(), grant_path(&lost.derivation)));
                let denial = DenialReasons {
                    exists: shortfall.is_known,
                    sufficient_roles: shortfall
                        .smallest_roles
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                    lost: lost.take(10).collect(),
                };
                model.check_denied(question, &denial)
            }
        }
    }

    /// Compares the delegation limit on the object of an action.
    fn limit(&self, model: &Model, token: &Token, act: &Act) -> Result<(), String> {
        let (role, tenant) = match act {
            Act::Assign {
                to: assignments, ..
            }
            | Act::Unassign(assignments) => (&assignments.role, assignments.tenant.as_deref()),
            Act::DeleteRole(role)
            | Act::Grant { role, .. }
            | Act::Revoke { role, .. }
            | Act::Inherit { senior: role, .. }
            | Act::Disinherit { senior: role, .. } => (role, None),
            _ => return Ok(()),
        };
        let expected = model.authority(token, tenant);
        let core = self.authority(model, token, tenant)?;
        expect_equal("unlimited", &core.is_unlimited(), &expected.unlimited)?;
        for permission in &model.permissions {
            let holds = core.holds(&parse(permission)?);
            expect_equal(permission, &holds, &expected.holds(permission))?;
        }
        let (name, open): (RoleName, _) = (parse(role)?, BTreeSet::from([parse("user")?]));
        let covered = match tenant {
            Some(_) => core.covers_in_tenant(&self.policy, [&name], &open),
            None => core.covers(&self.policy, [&name], &open),
        };
        let excess = covered.err().unwrap_or_default();
        let mut lacking = names(&excess.permissions);
        lacking.extend(names(&excess.roles));
        let expected: Names = model
            .lacking(&expected, [role], tenant.is_some())
            .into_iter()
            .collect();
        expect_equal("lacking", &lacking, &expected)?;
        if expected.is_empty() {
            return Ok(());
        }
        let path: Vec<Name> = excess.path.iter().map(ToString::to_string).collect();
        model.check_path(role, &path)
    }

    /// The authority of a token, put together from the core as the server does it.
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

    /// Compares cycles, which are named by their whole path.
    fn cycle(&self, model: &Model, act: &Act, outcome: &Outcome) -> Result<(), String> {
        let Act::Inherit { senior, junior } = act else {
            return Ok(());
        };
        let (top, below): (RoleName, RoleName) = (parse(senior)?, parse(junior)?);
        let Some(round) = self.policy.cycle_with(&top, &below) else {
            let closes = model.closure([junior]).contains(senior);
            return expect_equal("a cycle", &false, &closes);
        };
        expect_equal("done", &false, &outcome.is_done())?;
        let round: Vec<Name> = round.iter().map(ToString::to_string).collect();
        let back = round.get(1..).unwrap_or_default();
        expect_equal("the path of the cycle", &round.first(), &Some(senior))?;
        expect_equal("the path of the cycle", &back.last(), &Some(senior))?;
        model.check_path(junior, back)
    }

    /// Raises the new floors, and compares which tokens are refused.
    fn floors(&mut self, model: &Model) -> Result<(), String> {
        for floor in model.floors.iter().skip(self.raised) {
            let (kind, key, tenant) = match &floor.of {
                FloorKey::Subject(user, tenant) => {
                    (FloorKind::Subject, user.to_string(), tenant.clone())
                }
                FloorKey::Role(role) => (FloorKind::Role, role.clone(), None),
                FloorKey::Session(session) => (FloorKind::Sid, session.to_string(), None),
                FloorKey::Token(token) => (FloorKind::Jti, token.clone(), None),
            };
            self.floors.raise(&CoreFloor {
                kind,
                key,
                tenant,
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
                tenant: token.tenant.as_deref(),
                rev: token.revision,
            };
            let valid = model.now < token.ends && self.floors.refuses(&facts).is_none();
            expect_equal(&token.name, &valid, &model.is_valid(token))?;
            self.counts.token_checks += 1;
            self.counts.tokens_refused += usize::from(!valid);
        }
        Ok(())
    }
}

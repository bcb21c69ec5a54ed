//! Decisions of the compiled policy, at the sizes that Casbin publishes figures for, and with deep hierarchies.

use std::{
    collections::HashSet,
    hint::black_box,
    time::{Duration, Instant},
};

use rolecall_core::{
    Need, Permission, Policy, PolicyBuilder, Question, RoleAssignment, RoleName, Timestamp,
};

/// So many roles; where `depth` is above 1, they stand in chains of that length, each inheriting the next.
struct Size {
    name: &'static str,
    roles: usize,
    depth: usize,
}

const SIZES: [Size; 5] = [
    Size {
        name: "small",
        roles: 100,
        depth: 1,
    },
    Size {
        name: "medium",
        roles: 1000,
        depth: 1,
    },
    Size {
        name: "large",
        roles: 10_000,
        depth: 1,
    },
    Size {
        name: "10 deep",
        roles: 100,
        depth: 10,
    },
    Size {
        name: "100 deep",
        roles: 1000,
        depth: 100,
    },
];
/// What a principal with many roles has.
const MANY: usize = 20;
/// Different questions, so that no one answer stays in the processor's hand.
const QUESTIONS: usize = 256;

/// Prints size, way, nanoseconds: once for each round.
pub(crate) fn run(rounds: usize, duration: Duration) -> anyhow::Result<()> {
    for size in &SIZES {
        let before = resident_kib();
        let began = Instant::now();
        let policy = size.policy()?;
        print(size, "compile", began.elapsed(), 1);
        println!(
            "{}\tmemory KiB\t{}",
            size.name,
            resident_kib().saturating_sub(before)
        );
        let cases = size.cases()?;
        for _ in 0..rounds {
            measure(size, &policy, &cases, duration);
        }
    }
    Ok(())
}

/// A principal, what it asks for, and whether it gets it.
struct Case {
    roles: Vec<RoleName>,
    permission: Permission,
    allowed: bool,
}

struct Cases {
    one: Vec<Case>,
    many: Vec<Case>,
}

impl Size {
    /// What role `role` holds: without chains ten roles share an object, as in Casbin's own benchmark.
    fn object_of(&self, role: usize) -> usize {
        if self.depth > 1 { role } else { role / 10 }
    }

    fn policy(&self) -> anyhow::Result<Policy> {
        let mut rules = PolicyBuilder::default();
        for role in 0..self.roles {
            let permission: Permission = format!("object{}:read", self.object_of(role)).parse()?;
            rules.permission(permission.clone());
            rules.grant(role_name(role)?, permission.into());
            if self.depth > 1 && role % self.depth + 1 < self.depth {
                rules.inherit(role_name(role)?, role_name(role + 1)?);
            }
        }
        Ok(rules.build()?)
    }

    /// Half are allowed. In chains, who has the first role asks for what the last one holds.
    fn cases(&self) -> anyhow::Result<Cases> {
        let group = if self.depth > 1 { self.depth } else { 10 };
        let groups = self.roles / group;
        let mut cases = Cases {
            one: Vec::new(),
            many: Vec::new(),
        };
        for number in 0..QUESTIONS {
            let allowed = number % 2 == 0;
            // spread over the whole policy; the other group is one that the principal has nothing of
            let own = (number * 7919) % groups;
            let asked = if allowed {
                own
            } else {
                (own + groups / 2) % groups
            };
            let object = self.object_of(asked * group + group - 1);
            let permission: Permission = format!("object{object}:read").parse()?;
            let many = (0..MANY.min(groups / 4).max(1))
                .map(|step| role_name(((own + step) % groups) * group));
            let case = |roles| Case {
                roles,
                permission: permission.clone(),
                allowed,
            };
            cases.one.push(case(vec![role_name(own * group)?]));
            cases.many.push(case(many.collect::<anyhow::Result<_>>()?));
        }
        Ok(cases)
    }
}

fn role_name(role: usize) -> anyhow::Result<RoleName> {
    Ok(format!("role{role}").parse()?)
}

fn measure(size: &Size, policy: &Policy, cases: &Cases, duration: Duration) {
    for (label, cases) in [("1 role", &cases.one), ("20 roles", &cases.many)] {
        let ready: Vec<_> = cases
            .iter()
            .map(|case| policy.effective(&case.roles))
            .collect();
        let bare: Vec<HashSet<String>> = cases
            .iter()
            .map(|case| {
                policy
                    .permissions_of(&case.roles)
                    .iter()
                    .map(ToString::to_string)
                    .collect()
            })
            .collect();
        for (outcome, allowed) in [("allow", true), ("deny", false)] {
            let which: Vec<usize> = (0..cases.len())
                .filter(|at| cases.get(*at).is_some_and(|case| case.allowed == allowed))
                .collect();
            let asked = |at: usize| cases.get(at).map_or("", |case| case.permission.as_str());
            let way = |what: &str| format!("{what}, {label}, {outcome}");
            let took = time(&which, duration, |at| {
                ready.get(at).is_some_and(|ready| ready.allows(asked(at))) == allowed
            });
            print(size, &way("decision"), took.0, took.1);
            let took = time(&which, duration, |at| {
                bare.get(at).is_some_and(|held| held.contains(asked(at))) == allowed
            });
            print(size, &way("hash set"), took.0, took.1);
            let given: Vec<Vec<RoleAssignment>> = cases
                .iter()
                .map(|case| case.roles.iter().cloned().map(assignment).collect())
                .collect();
            let took = time(&which, duration, |at| {
                let decided = given.get(at).zip(cases.get(at)).map(|(given, case)| {
                    let question = Question {
                        need: Need::Permission(&case.permission),
                        tenant: None,
                        at: Timestamp::MAX,
                    };
                    policy.decide(given, &question).is_allowed()
                });
                decided == Some(allowed)
            });
            print(size, &way("derivation"), took.0, took.1);
        }
    }
}

fn assignment(role: RoleName) -> RoleAssignment {
    RoleAssignment {
        role,
        tenant: None,
        valid_from: None,
        expires_at: None,
        reason: None,
        assigned_by: String::new(),
        assigned_at: Timestamp::from_seconds(0),
    }
}

/// How long so many questions took. A wrong answer would make every figure worthless.
fn time(which: &[usize], duration: Duration, ask: impl Fn(usize) -> bool) -> (Duration, u32) {
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < duration {
        for at in which {
            assert!(black_box(ask(black_box(*at))), "a wrong decision");
            count += 1;
        }
    }
    (began.elapsed(), count)
}

fn print(size: &Size, way: &str, took: Duration, count: u32) {
    println!(
        "{}\t{way}\t{:.1}",
        size.name,
        took.as_secs_f64() * 1e9 / f64::from(count)
    );
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

//! Decisions of the compiled policy, at the sizes of Casbin's benchmark and with deep hierarchies.

use std::{
    collections::HashSet,
    hint::black_box,
    time::{Duration, Instant},
};

use rolecall_core::{
    Need, Permission, Policy, PolicyBuilder, Question, RoleAssignment, RoleName, Timestamp,
};

/// The size of a policy. Above a `depth` of 1, roles form chains of that length; each inherits the next one.
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
/// The number of roles of a principal with many.
const MANY: usize = 20;
/// The number of different questions, so that the processor cannot cache a single answer.
const QUESTIONS: usize = 256;

/// Prints size, measurement and nanoseconds, once per round.
pub(crate) fn run(rounds: usize, duration: Duration) -> anyhow::Result<()> {
    for size in &SIZES {
        let before = resident_kib();
        let start = Instant::now();
        let policy = size.policy()?;
        print(size, "compile", start.elapsed(), 1);
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

/// A principal, the requested permission, and the expected decision.
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
    /// The object of a role. Without chains ten roles share one, as in Casbin's benchmark.
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

    /// Half of the cases are allowed. In a chain the principal has the first role and needs the last one.
    fn cases(&self) -> anyhow::Result<Cases> {
        let group = if self.depth > 1 { self.depth } else { 10 };
        let groups = self.roles / group;
        let mut cases = Cases {
            one: Vec::new(),
            many: Vec::new(),
        };
        for number in 0..QUESTIONS {
            let allowed = number % 2 == 0;
            // spread over the whole policy; the principal has no role in the other group
            let own = (number * 7919) % groups;
            let requested = if allowed {
                own
            } else {
                (own + groups / 2) % groups
            };
            let object = self.object_of(requested * group + group - 1);
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
        let effective: Vec<_> = cases
            .iter()
            .map(|case| policy.effective(&case.roles))
            .collect();
        let sets: Vec<HashSet<String>> = cases
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
            let questions: Vec<usize> = (0..cases.len())
                .filter(|index| {
                    cases
                        .get(*index)
                        .is_some_and(|case| case.allowed == allowed)
                })
                .collect();
            let permission =
                |index: usize| cases.get(index).map_or("", |case| case.permission.as_str());
            let name = |operation: &str| format!("{operation}, {label}, {outcome}");
            let (elapsed, count) = time(&questions, duration, |index| {
                effective
                    .get(index)
                    .is_some_and(|effective| effective.allows(permission(index)))
                    == allowed
            });
            print(size, &name("decision"), elapsed, count);
            let (elapsed, count) = time(&questions, duration, |index| {
                sets.get(index)
                    .is_some_and(|set| set.contains(permission(index)))
                    == allowed
            });
            print(size, &name("hash set"), elapsed, count);
            let assignments: Vec<Vec<RoleAssignment>> = cases
                .iter()
                .map(|case| case.roles.iter().cloned().map(assignment).collect())
                .collect();
            let (elapsed, count) = time(&questions, duration, |index| {
                let decided =
                    assignments
                        .get(index)
                        .zip(cases.get(index))
                        .map(|(assignments, case)| {
                            let question = Question {
                                need: Need::Permission(&case.permission),
                                tenant: None,
                                at: Timestamp::MAX,
                            };
                            policy.decide(assignments, &question).is_allowed()
                        });
                decided == Some(allowed)
            });
            print(size, &name("derivation"), elapsed, count);
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

/// Asks the questions for `duration` and returns the elapsed time and their number. Panics after a wrong decision,
/// since that would make every figure worthless.
fn time(
    questions: &[usize],
    duration: Duration,
    is_right: impl Fn(usize) -> bool,
) -> (Duration, u32) {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < duration {
        for question in questions {
            assert!(
                black_box(is_right(black_box(*question))),
                "a wrong decision"
            );
            count += 1;
        }
    }
    (start.elapsed(), count)
}

fn print(size: &Size, measurement: &str, elapsed: Duration, count: u32) {
    println!(
        "{}\t{measurement}\t{:.1}",
        size.name,
        elapsed.as_secs_f64() * 1e9 / f64::from(count)
    );
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

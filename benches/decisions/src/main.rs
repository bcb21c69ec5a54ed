//! Decisions by casbin and cedar-policy, with the same sizes and questions as those of rolecall.
//!
//! Prints engine, size, measurement and figure: `load ms`, `memory KiB`, and decisions in ns.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    hint::black_box,
    str::FromStr as _,
    time::{Duration, Instant},
};

use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The size of a policy with ten users per role. Above a `depth` of 1, roles form chains of that length.
#[derive(Clone, Copy)]
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
const QUESTIONS: usize = 256;

const MODEL: &str = "[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
";

struct Question {
    user: String,
    object: String,
    allowed: bool,
}

impl Size {
    fn object_of(self, role: usize) -> String {
        format!("object{}", if self.depth > 1 { role } else { role / 10 })
    }

    /// Pairs of a role and its object.
    fn grants(self) -> Vec<(String, String)> {
        (0..self.roles)
            .map(|role| (format!("role{role}"), self.object_of(role)))
            .collect()
    }

    /// Pairs of a member and a role: ten users per role, or only per first role of a chain, and roles that inherit
    /// roles.
    fn memberships(self) -> Vec<(String, String)> {
        let users = self.roles * 10;
        let role_of = |user: usize| {
            if self.depth > 1 {
                user / 10 / self.depth * self.depth
            } else {
                user / 10
            }
        };
        let users =
            (0..users).map(|user| (format!("user{user}"), format!("role{}", role_of(user))));
        let seniors = (0..self.roles).filter(|role| role % self.depth + 1 < self.depth);
        users
            .chain(seniors.map(|role| (format!("role{role}"), format!("role{}", role + 1))))
            .collect()
    }

    fn questions(self) -> Vec<Question> {
        let group = if self.depth > 1 { self.depth } else { 10 };
        let groups = self.roles / group;
        let question = |number: usize| {
            let allowed = number % 2 == 0;
            let own = (number * 7919) % groups;
            let requested = if allowed {
                own
            } else {
                (own + groups / 2) % groups
            };
            Question {
                user: format!("user{}", own * group * 10),
                object: self.object_of(requested * group + group - 1),
                allowed,
            }
        };
        (0..QUESTIONS).map(question).collect()
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Times an engine for `duration`, once for the questions of each outcome.
fn measure(
    engine: &str,
    size: Size,
    duration: Duration,
    rounds: usize,
    ask: impl Fn(&Question) -> Result<bool>,
) -> Result<()> {
    let questions = size.questions();
    for _ in 0..rounds {
        for (outcome, allowed) in [("allow", true), ("deny", false)] {
            let mut wrong = 0;
            let (mut count, start) = (0_u32, Instant::now());
            for question in questions
                .iter()
                .filter(|question| question.allowed == allowed)
                .cycle()
            {
                wrong += usize::from(black_box(ask(black_box(question))?) != allowed);
                count += 1;
                if start.elapsed() >= duration {
                    break;
                }
            }
            let each = start.elapsed().as_secs_f64() * 1e9 / f64::from(count);
            // an engine with wrong decisions is marked, not left out
            let outcome = if wrong > 0 {
                format!("{outcome} (wrong)")
            } else {
                outcome.to_owned()
            };
            println!("{engine}\t{}\t{outcome}\t{each:.1}", size.name);
        }
    }
    Ok(())
}

fn casbin(size: Size) -> Result<Enforcer> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut enforcer = Enforcer::new(
            DefaultModel::from_str(MODEL).await?,
            MemoryAdapter::default(),
        )
        .await?;
        // the default of ten denies at the tenth role of a chain
        let depth = size.depth + 2;
        let roles = casbin::DefaultRoleManager::new(depth);
        enforcer.set_role_manager(std::sync::Arc::new(parking_lot::RwLock::new(roles)))?;
        enforcer.enable_auto_build_role_links(false);
        let grants = size
            .grants()
            .into_iter()
            .map(|(role, object)| vec![role, object, "read".to_owned()]);
        enforcer.add_policies(grants.collect()).await?;
        let members = size
            .memberships()
            .into_iter()
            .map(|(member, role)| vec![member, role]);
        enforcer.add_grouping_policies(members.collect()).await?;
        enforcer.build_role_links()?;
        Ok(enforcer)
    })
}

struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    action: EntityUid,
}

fn uid(kind: &str, name: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(
        EntityTypeName::from_str(kind)?,
        EntityId::new(name),
    ))
}

fn cedar(size: Size) -> Result<Cedar> {
    let mut parents: HashMap<String, HashSet<EntityUid>> = HashMap::new();
    for (member, role) in size.memberships() {
        parents.entry(role.clone()).or_default();
        parents
            .entry(member)
            .or_default()
            .insert(uid("Role", &role)?);
    }
    let mut readers: HashMap<String, Vec<RestrictedExpression>> = HashMap::new();
    for (role, object) in size.grants() {
        parents.entry(role.clone()).or_default();
        readers
            .entry(object)
            .or_default()
            .push(RestrictedExpression::new_entity_uid(uid("Role", &role)?));
    }
    let mut entities = Vec::new();
    for (name, parents) in parents {
        let kind = if name.starts_with("user") {
            "User"
        } else {
            "Role"
        };
        entities.push(Entity::new(uid(kind, &name)?, HashMap::new(), parents)?);
    }
    for (object, readers) in readers {
        let attributes =
            HashMap::from([("readers".to_owned(), RestrictedExpression::new_set(readers))]);
        entities.push(Entity::new(
            uid("Object", &object)?,
            attributes,
            HashSet::new(),
        )?);
    }
    let rule = "permit(principal, action == Action::\"read\", resource) when { principal in resource.readers };";
    Ok(Cedar {
        authorizer: Authorizer::new(),
        policies: PolicySet::from_str(rule)?,
        entities: Entities::from_entities(entities, None)?,
        action: uid("Action", "read")?,
    })
}

impl Cedar {
    fn allows(&self, question: &Question) -> Result<bool> {
        let (user, object) = (
            uid("User", &question.user)?,
            uid("Object", &question.object)?,
        );
        let request = Request::new(user, self.action.clone(), object, Context::empty(), None)?;
        let response = self
            .authorizer
            .is_authorized(&request, &self.policies, &self.entities);
        Ok(response.decision() == Decision::Allow)
    }
}

/// Loads an engine, and prints the time and the memory.
fn timed_load<T>(engine: &str, size: Size, load: impl FnOnce() -> Result<T>) -> Result<T> {
    let (before, start) = (resident_kib(), Instant::now());
    let loaded = load()?;
    let name = size.name;
    println!(
        "{engine}\t{name}\tload ms\t{:.2}",
        start.elapsed().as_secs_f64() * 1e3
    );
    println!(
        "{engine}\t{name}\tmemory KiB\t{}",
        resident_kib().saturating_sub(before)
    );
    Ok(loaded)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, engine, rounds, milliseconds] = arguments.as_slice() else {
        return Err("usage: rolecall-decisions casbin|cedar-policy ROUNDS MILLISECONDS".into());
    };
    let (rounds, duration) = (
        rounds.parse()?,
        Duration::from_millis(milliseconds.parse()?),
    );
    for size in SIZES {
        if engine == "casbin" {
            let enforcer = timed_load(engine, size, || casbin(size))?;
            measure(engine, size, duration, rounds, |question| {
                Ok(enforcer.enforce((question.user.as_str(), question.object.as_str(), "read"))?)
            })?;
        } else {
            let cedar = timed_load(engine, size, || cedar(size))?;
            measure(engine, size, duration, rounds, |question| {
                cedar.allows(question)
            })?;
        }
    }
    Ok(())
}

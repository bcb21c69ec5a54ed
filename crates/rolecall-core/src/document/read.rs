//! From the form to the content: each member read as what it is, each fault noted.

mod constraints;

use std::{collections::BTreeSet, fmt::Display, rc::Rc, str::FromStr};

use super::{
    Document, Expectation, MAX_DESCRIPTION, RoleEntry, Step, Who,
    error::{Faults, excerpt},
    node::Node,
    times,
};
use crate::{Permission, RESERVED_PREFIX, RoleName, TenantName, Timestamp, builtin};

/// What was read, and the names in it that have to be looked at beside each other.
#[derive(Default)]
pub(super) struct Read {
    pub(super) document: Document,
    /// Roles and permissions whose own entry is faulty: naming them is no second fault.
    pub(super) faulty: BTreeSet<String>,
    pub(super) mentions: Vec<Mention>,
}

/// A name that must exist, and where it stands.
pub(super) struct Mention {
    /// The list that it stands in, or the member itself.
    home: Rc<[Step]>,
    index: Option<usize>,
    pub(super) what: Mentioned,
}

impl Mention {
    pub(super) fn path(&self) -> Vec<Step> {
        let index = self.index.map(Step::Index);
        self.home.iter().cloned().chain(index).collect()
    }
}

pub(super) enum Mentioned {
    Role(RoleName),
    /// A junior of the first.
    Junior(RoleName, RoleName),
    Pattern(crate::PermissionPattern),
    Permission(Permission),
}

struct Reader<'f> {
    faults: &'f mut Faults,
    path: Vec<Step>,
    read: Read,
}

pub(super) fn document(node: &Node, faults: &mut Faults) -> Read {
    let mut reader = Reader {
        faults,
        path: Vec::new(),
        read: Read::default(),
    };
    for (name, node) in reader.members(node) {
        reader.path.push(name.as_str().into());
        match name.as_str() {
            "permissions" => reader.permissions(node),
            "roles" => reader.roles(node),
            "constraints" => reader.constraints(node),
            "tests" => reader.tests(node),
            _ => reader.unknown("permissions, roles, constraints, tests"),
        }
        reader.path.pop();
    }
    reader.read
}

impl Reader<'_> {
    fn fault(&mut self, kind: &'static str, message: impl Into<String>) {
        self.faults.add(&self.path, kind, message);
    }

    fn unknown(&mut self, known: &str) {
        let name = self.path.last().map(|step| excerpt(&step.to_string()));
        let message = format!(
            "there is no `{}` here; there are: {known}",
            name.unwrap_or_default()
        );
        self.fault("extra_forbidden", message);
    }

    /// Runs `work` with one more step on the path.
    fn within<T>(&mut self, step: impl Into<Step>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let done = work(self);
        self.path.pop();
        done
    }

    fn members<'n>(&mut self, node: &'n Node) -> &'n [(String, Node)] {
        let Node::Table { members, doubled } = node else {
            self.fault("type_error", "a table is expected here");
            return &[];
        };
        for name in doubled {
            let message = format!("`{}` stands here twice", excerpt(name));
            self.within(name.as_str(), |reader| reader.fault("duplicate", message));
        }
        members
    }

    fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Node::List(nodes) = node {
            return nodes;
        }
        self.fault("type_error", "a list is expected here");
        &[]
    }

    fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        if let Node::Text(text) = node {
            return Some(text);
        }
        self.fault("type_error", "a text is expected here");
        None
    }

    fn truth(&mut self, node: &Node) -> bool {
        if let Node::Truth(truth) = node {
            return *truth;
        }
        self.fault("type_error", "`true` or `false` is expected here");
        false
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, text: &str) -> Option<T> {
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.fault("value_error", error.to_string());
                None
            }
        }
    }

    fn description(&mut self, node: &Node) -> String {
        let text = self.text(node).unwrap_or_default();
        if text.chars().count() > MAX_DESCRIPTION || text.chars().any(char::is_control) {
            let message = format!(
                "a description is at most {MAX_DESCRIPTION} characters, none of them a control character"
            );
            self.fault("value_error", message);
        }
        text.to_owned()
    }

    /// A name that the document makes must not be one of rolecall's own.
    fn is_own(&mut self, name: &str) -> bool {
        let own = !name.starts_with(RESERVED_PREFIX);
        if !own {
            let message = format!(
                "`{}` is not made here: names that begin with `{RESERVED_PREFIX}` are rolecall's own",
                excerpt(name)
            );
            self.fault("reserved", message);
        }
        own
    }

    fn permissions(&mut self, node: &Node) {
        for (name, node) in self.members(node) {
            self.within(name.as_str(), |reader| {
                let description = reader.description(node);
                let permission = reader.is_own(name).then(|| reader.parsed(name)).flatten();
                match permission {
                    Some(permission) => {
                        reader
                            .read
                            .document
                            .permissions
                            .insert(permission, description);
                    }
                    None => {
                        reader.read.faulty.insert(name.clone());
                    }
                }
            });
        }
    }

    fn roles(&mut self, node: &Node) {
        for (name, node) in self.members(node) {
            self.within(name.as_str(), |reader| {
                let role: Option<RoleName> =
                    reader.is_own(name).then(|| reader.parsed(name)).flatten();
                let entry = reader.role(role.as_ref(), node);
                match role {
                    Some(role) => {
                        reader.read.document.roles.insert(role, entry);
                    }
                    None => {
                        reader.read.faulty.insert(name.clone());
                    }
                }
            });
        }
    }

    fn role(&mut self, role: Option<&RoleName>, node: &Node) -> RoleEntry {
        let mut entry = RoleEntry::default();
        for (name, node) in self.members(node) {
            self.path.push(name.as_str().into());
            match name.as_str() {
                "description" => entry.description = self.description(node),
                "permissions" => {
                    let held = self.names(node, Mentioned::Pattern);
                    entry.permissions = held.into_iter().collect();
                }
                "juniors" => {
                    let mention = |junior: RoleName| match role {
                        Some(role) => Mentioned::Junior(role.clone(), junior),
                        None => Mentioned::Role(junior),
                    };
                    entry.juniors = self.names(node, mention).into_iter().collect();
                }
                "approval" => entry.approval = self.truth(node),
                _ => self.unknown("description, permissions, juniors, approval"),
            }
            self.path.pop();
        }
        entry
    }

    /// A list of names that exist, each once.
    fn names<T>(&mut self, node: &Node, mention: impl Fn(T) -> Mentioned) -> Vec<T>
    where
        T: FromStr<Err: Display> + Clone + Ord,
    {
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        let home: Rc<[Step]> = self.path.as_slice().into();
        for (at, node) in self.list(node).iter().enumerate() {
            self.path.push(at.into());
            let text = self.text(node);
            if let Some(name) = text.and_then(|text| self.parsed::<T>(text)) {
                if seen.insert(name.clone()) {
                    self.read.mentions.push(Mention {
                        home: Rc::clone(&home),
                        index: Some(at),
                        what: mention(name.clone()),
                    });
                    names.push(name);
                } else {
                    let text = excerpt(text.unwrap_or_default());
                    self.fault("duplicate", format!("`{text}` stands in this list twice"));
                }
            }
            self.path.pop();
        }
        names
    }

    fn tests(&mut self, node: &Node) {
        for (at, node) in self.list(node).iter().enumerate() {
            if let Some(test) = self.within(at, |reader| reader.test(node)) {
                self.read.document.tests.push(test);
            }
        }
    }

    fn test(&mut self, node: &Node) -> Option<Expectation> {
        let members = self.members(node);
        let (mut role, mut user, mut named) = (None, None, 0);
        let (mut tenant, mut at, mut can, mut cannot) = (None, None, Vec::new(), Vec::new());
        for (name, node) in members {
            self.path.push(name.as_str().into());
            match name.as_str() {
                "role" => {
                    named += 1;
                    role = self.tested_role(node);
                }
                "user" => {
                    named += 1;
                    user = self.tested_user(node);
                }
                "tenant" => {
                    let text = self.text(node);
                    tenant = text.and_then(|text| self.parsed::<TenantName>(text));
                }
                "at" => at = self.time(node),
                "can" => can = self.names(node, Mentioned::Permission),
                "cannot" => cannot = self.names(node, Mentioned::Permission),
                _ => self.unknown("role, user, tenant, at, can, cannot"),
            }
            self.path.pop();
        }
        if named != 1 {
            self.fault("missing", "a test is about one `role` or one `user`");
        }
        let has = |name: &str| members.iter().any(|(member, _)| member == name);
        if !has("can") && !has("cannot") {
            self.fault(
                "missing",
                "a test expects something: `can`, `cannot` or both",
            );
        }
        for name in ["tenant", "at"] {
            if has("role") && has(name) {
                let message =
                    format!("`{name}` goes with `user`: a role alone is asked for as such");
                self.within(name, |reader| reader.fault("value_error", message));
            }
        }
        if let Some(both) = can.iter().find(|one| cannot.contains(one)) {
            let message = format!("`{both}` stands in `can` and in `cannot`");
            self.within("cannot", |reader| reader.fault("value_error", message));
        }
        let who = role.map(Who::Role).or(user.map(Who::User))?;
        Some(Expectation {
            who,
            tenant,
            at,
            can,
            cannot,
        })
    }

    fn tested_role(&mut self, node: &Node) -> Option<RoleName> {
        let role: RoleName = self.text(node).and_then(|text| self.parsed(text))?;
        self.read.mentions.push(Mention {
            home: self.path.as_slice().into(),
            index: None,
            what: Mentioned::Role(role.clone()),
        });
        Some(role)
    }

    fn tested_user(&mut self, node: &Node) -> Option<String> {
        let user = self.text(node)?;
        if user.is_empty() || user.chars().count() > 256 || user.chars().any(char::is_control) {
            self.fault("value_error", "this is not a user name");
            return None;
        }
        Some(user.to_owned())
    }

    fn time(&mut self, node: &Node) -> Option<Timestamp> {
        let time = match node {
            Node::Text(text) | Node::Time(text) => times::parse(text),
            _ => None,
        };
        if time.is_none() {
            self.fault(
                "value_error",
                "a time is written with its offset, such as 2026-12-01T00:00:00Z",
            );
        }
        time
    }
}

/// Whether `role` is there without being named in a document.
pub(super) fn is_given(role: &RoleName) -> bool {
    builtin::is_builtin(role)
}

//! Reads a [`Node`] as a [`Document`]: checks the type and form of each member and collects faults.
//!
//! Names that refer to something else in the document are collected as [`Reference`]s, since they can only be checked
//! once everything has been read.

mod constraints;

use std::{collections::BTreeSet, fmt::Display, rc::Rc, str::FromStr};

use super::{
    error::Faults,
    model::{Document, Expectation, MAX_DESCRIPTION, RoleEntry, TestSubject},
    node::Node,
    position::Step,
    times,
};
use crate::{
    Acr, Permission, PermissionPattern, RESERVED_PREFIX, RoleName, TenantName, Timestamp,
    is_unprintable, names::excerpt,
};

/// The maximum length of a user name in a test, in characters.
const MAX_USER_NAME: usize = 256;

/// A document whose references have not been checked.
#[derive(Default)]
pub(super) struct ReadDocument {
    pub(super) document: Document,
    /// Roles and permissions whose own entry has a fault, so that references to them are not reported as well.
    pub(super) faulty: BTreeSet<String>,
    pub(super) references: Vec<Reference>,
}

/// A name that must exist, and the path of the member in which it occurs.
pub(super) struct Reference {
    /// The path of the list that contains the name, or of the name itself.
    parent: Rc<[Step]>,
    /// The index in that list.
    index: Option<usize>,
    pub(super) target: Target,
}

impl Reference {
    pub(super) fn path(&self) -> Vec<Step> {
        let index = self.index.map(Step::Index);
        self.parent.iter().cloned().chain(index).collect()
    }
}

/// The role or permission to which a [`Reference`] refers.
pub(super) enum Target {
    Role(RoleName),
    Junior { senior: RoleName, junior: RoleName },
    Pattern(PermissionPattern),
    Permission(Permission),
}

struct Reader<'f> {
    faults: &'f mut Faults,
    /// The path of the member that is being read.
    path: Vec<Step>,
    read: ReadDocument,
}

/// Reads a document; every fault is added to `faults`, and the faulty member is left out.
pub(super) fn read_document(node: &Node, faults: &mut Faults) -> ReadDocument {
    let mut reader = Reader {
        faults,
        path: Vec::new(),
        read: ReadDocument::default(),
    };
    for (name, node) in reader.members(node) {
        reader.path.push(name.as_str().into());
        match name.as_str() {
            "permissions" => reader.permissions(node),
            "roles" => reader.roles(node),
            "constraints" => reader.constraints(node),
            "tests" => reader.tests(node),
            _ => reader.unknown_member("permissions, roles, constraints, tests"),
        }
        reader.path.pop();
    }
    reader.read
}

impl Reader<'_> {
    fn fault(&mut self, kind: &'static str, message: impl Into<String>) {
        self.faults.add(&self.path, kind, message);
    }

    /// Reports the member at the current path as unknown; `known` lists the names that are allowed there.
    fn unknown_member(&mut self, known: &str) {
        let name = self.path.last().map(|step| excerpt(&step.to_string()));
        let message = format!(
            "unknown key `{}`; expected one of: {known}",
            name.unwrap_or_default()
        );
        self.fault("extra_forbidden", message);
    }

    /// Runs `work` with one more step on the path.
    fn within<T>(&mut self, step: impl Into<Step>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let result = work(self);
        self.path.pop();
        result
    }

    fn members<'n>(&mut self, node: &'n Node) -> &'n [(String, Node)] {
        let Node::Table {
            members,
            duplicates,
        } = node
        else {
            self.fault("type_error", "expected a table");
            return &[];
        };
        for name in duplicates {
            let message = format!("`{}` is defined twice", excerpt(name));
            self.within(name.as_str(), |reader| reader.fault("duplicate", message));
        }
        members
    }

    fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Node::List(nodes) = node {
            return nodes;
        }
        self.fault("type_error", "expected a list");
        &[]
    }

    fn string<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        if let Node::String(text) = node {
            return Some(text);
        }
        self.fault("type_error", "expected a string");
        None
    }

    fn boolean(&mut self, node: &Node) -> bool {
        if let Node::Boolean(boolean) = node {
            return *boolean;
        }
        self.fault("type_error", "expected `true` or `false`");
        false
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault("value_error", error.to_string());
                None
            }
        }
    }

    fn description(&mut self, node: &Node) -> String {
        let text = self.string(node).unwrap_or_default();
        if text.chars().count() > MAX_DESCRIPTION || text.contains(is_unprintable) {
            let message = format!(
                "a description must have at most {MAX_DESCRIPTION} characters and no control or format characters"
            );
            self.fault("value_error", message);
        }
        text.to_owned()
    }

    /// Returns true if a document may define `name`, and reports a fault if it is reserved.
    fn is_definable(&mut self, name: &str) -> bool {
        let is_definable = !name.starts_with(RESERVED_PREFIX);
        if !is_definable {
            let message = format!(
                "`{}` cannot be defined here: names that begin with `{RESERVED_PREFIX}` are reserved",
                excerpt(name)
            );
            self.fault("reserved", message);
        }
        is_definable
    }

    /// Parses a name that the document defines.
    fn defined_name<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        if self.is_definable(name) {
            self.parse(name)
        } else {
            None
        }
    }

    fn permissions(&mut self, node: &Node) {
        for (name, node) in self.members(node) {
            self.within(name.as_str(), |reader| {
                let description = reader.description(node);
                match reader.defined_name(name) {
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
                let role: Option<RoleName> = reader.defined_name(name);
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
                    let patterns = self.references(node, Target::Pattern);
                    entry.permissions = patterns.into_iter().collect();
                }
                "juniors" => {
                    let target = |junior: RoleName| match role {
                        Some(senior) => Target::Junior {
                            senior: senior.clone(),
                            junior,
                        },
                        None => Target::Role(junior),
                    };
                    entry.juniors = self.references(node, target).into_iter().collect();
                }
                "approval" => entry.approval = self.boolean(node),
                "by_name" => entry.by_name = self.boolean(node),
                "acr" => entry.acr = self.acr(node),
                _ => {
                    self.unknown_member(
                        "description, permissions, juniors, approval, by_name, acr",
                    );
                }
            }
            self.path.pop();
        }
        entry
    }

    fn acr(&mut self, node: &Node) -> Acr {
        let text = self.string(node);
        text.and_then(|text| self.parse(text)).unwrap_or_default()
    }

    /// Reads a list of distinct names and records a reference for each; `target` creates the target of a name.
    fn references<T>(&mut self, node: &Node, target: impl Fn(T) -> Target) -> Vec<T>
    where
        T: FromStr<Err: Display> + Clone + Ord,
    {
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        let parent: Rc<[Step]> = self.path.as_slice().into();
        for (index, node) in self.list(node).iter().enumerate() {
            self.path.push(index.into());
            let text = self.string(node);
            if let Some(name) = text.and_then(|text| self.parse::<T>(text)) {
                if seen.insert(name.clone()) {
                    self.read.references.push(Reference {
                        parent: Rc::clone(&parent),
                        index: Some(index),
                        target: target(name.clone()),
                    });
                    names.push(name);
                } else {
                    let text = excerpt(text.unwrap_or_default());
                    self.fault("duplicate", format!("`{text}` is in this list twice"));
                }
            }
            self.path.pop();
        }
        names
    }

    fn tests(&mut self, node: &Node) {
        for (index, node) in self.list(node).iter().enumerate() {
            if let Some(test) = self.within(index, |reader| reader.test(node)) {
                self.read.document.tests.push(test);
            }
        }
    }

    fn test(&mut self, node: &Node) -> Option<Expectation> {
        let members = self.members(node);
        let (mut role, mut user, mut subjects) = (None, None, 0);
        let (mut tenant, mut at, mut acr) = (None, None, None);
        let (mut can, mut cannot) = (Vec::new(), Vec::new());
        for (name, node) in members {
            self.path.push(name.as_str().into());
            match name.as_str() {
                "role" => {
                    subjects += 1;
                    role = self.tested_role(node);
                }
                "user" => {
                    subjects += 1;
                    user = self.tested_user(node);
                }
                "tenant" => {
                    let text = self.string(node);
                    tenant = text.and_then(|text| self.parse::<TenantName>(text));
                }
                "at" => at = self.time(node),
                "acr" => acr = Some(self.acr(node)),
                "can" => can = self.references(node, Target::Permission),
                "cannot" => cannot = self.references(node, Target::Permission),
                _ => self.unknown_member("role, user, tenant, at, acr, can, cannot"),
            }
            self.path.pop();
        }
        if subjects != 1 {
            self.fault("missing", "a test needs either `role` or `user`");
        }
        let has = |name: &str| members.iter().any(|(member, _)| member == name);
        if !has("can") && !has("cannot") {
            self.fault("missing", "a test needs `can`, `cannot` or both");
        }
        for name in ["tenant", "at"] {
            if has("role") && has(name) {
                let message = format!("`{name}` is only allowed with `user`");
                self.within(name, |reader| reader.fault("value_error", message));
            }
        }
        let forbidden: BTreeSet<&Permission> = cannot.iter().collect();
        if let Some(both) = can.iter().find(|one| forbidden.contains(one)) {
            let message = format!("`{both}` is in both `can` and `cannot`");
            self.within("cannot", |reader| reader.fault("value_error", message));
        }
        let subject = role
            .map(TestSubject::Role)
            .or(user.map(TestSubject::User))?;
        Some(Expectation {
            subject,
            tenant,
            at,
            acr,
            can,
            cannot,
        })
    }

    fn tested_role(&mut self, node: &Node) -> Option<RoleName> {
        let role: RoleName = self.string(node).and_then(|text| self.parse(text))?;
        self.read.references.push(Reference {
            parent: self.path.as_slice().into(),
            index: None,
            target: Target::Role(role.clone()),
        });
        Some(role)
    }

    fn tested_user(&mut self, node: &Node) -> Option<String> {
        let user = self.string(node)?;
        let length = user.chars().count();
        if !(1..=MAX_USER_NAME).contains(&length) || user.contains(is_unprintable) {
            let message = format!(
                "a user name must have 1 to {MAX_USER_NAME} characters and no control or format characters"
            );
            self.fault("value_error", message);
            return None;
        }
        Some(user.to_owned())
    }

    fn time(&mut self, node: &Node) -> Option<Timestamp> {
        let time = match node {
            Node::String(text) | Node::Datetime(text) => times::parse(text),
            _ => None,
        };
        if time.is_none() {
            self.fault(
                "value_error",
                "expected a time with an offset, such as 2026-12-01T00:00:00Z",
            );
        }
        time
    }
}

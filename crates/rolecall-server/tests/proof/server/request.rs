//! A command as a request, and what is kept of its answer.

use http::Method;
use serde_json::{Value, json};

use super::{Done, Server};
use crate::{
    command::{Act, Command, Constraint, Document, Given, Name},
    model::{Model, USER},
    support::{Answer, Ask, PASSWORD},
};

impl Server {
    pub(super) fn request(&mut self, command: &Command) -> Ask {
        match command {
            Command::LogIn {
                user,
                tenant,
                scope,
                ..
            } => self.log_in(user, tenant.as_deref(), scope),
            Command::Refresh { of, scope, .. } => {
                let scope = scope.join(" ");
                let token = self.refresh_tokens.get(of);
                let token = token.map_or("none", String::as_str);
                let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
                if !scope.is_empty() {
                    form.push(("scope", &scope));
                }
                self.app().request(Method::POST, "/token").form(&form)
            }
            Command::RevokeToken(token) => {
                let form = [("token", self.tokens[token].as_str())];
                self.app().request(Method::POST, "/revoke").form(&form)
            }
            Command::By { token, act } => self.act(act).token(&self.tokens[token]),
            Command::Pass(_) | Command::Ask { .. } => unreachable!("no request"),
        }
    }

    fn log_in(&mut self, user: &str, tenant: Option<&str>, scope: &[Name]) -> Ask {
        let (address, scope) = (self.address(), scope.join(" "));
        let mut form = vec![
            ("grant_type", "password"),
            ("username", user),
            ("password", PASSWORD),
        ];
        if let Some(tenant) = tenant {
            form.push(("tenant", tenant));
        }
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let ask = self.app().request(Method::POST, "/token").from(&address);
        ask.form(&form)
    }

    fn act(&self, act: &Act) -> Ask {
        match act {
            Act::AddUser { user, roles } => {
                let body = json!({ "username": user, "password": PASSWORD, "roles": roles });
                self.with(Method::POST, "/api/users", &body)
            }
            Act::DeleteUser(user) => self.ask_for(Method::DELETE, self.user(user)),
            Act::Disable(user) => self.set_status(user, "disabled"),
            Act::Enable(user) => self.set_status(user, "active"),
            Act::EndSessions(user) => {
                self.ask_for(Method::DELETE, format!("{}/sessions", self.user(user)))
            }
            Act::LogOut => self.ask_for(Method::POST, "/api/me/logout"),
            Act::AddRole(role) => self.with(Method::POST, "/api/roles", &json!({ "name": role })),
            Act::DeleteRole(role) => self.ask_for(Method::DELETE, format!("/api/roles/{role}")),
            Act::AddPermission(name) => {
                self.with(Method::POST, "/api/permissions", &json!({ "name": name }))
            }
            Act::DeletePermission(name) => {
                self.ask_for(Method::DELETE, format!("/api/permissions/{name}"))
            }
            Act::Grant { role, pattern } => self.ask_for(Method::PUT, held(role, pattern)),
            Act::Revoke { role, pattern } => self.ask_for(Method::DELETE, held(role, pattern)),
            Act::Inherit { senior, junior } => self.ask_for(Method::PUT, edge(senior, junior)),
            Act::Disinherit { senior, junior } => {
                self.ask_for(Method::DELETE, edge(senior, junior))
            }
            Act::Assign { to, from, until } => {
                let time = |seconds: &Option<i64>| seconds.map(|seconds| self.at(seconds));
                let body = json!({ "valid_from": time(from), "expires_at": time(until) });
                self.with(Method::PUT, self.given(to), &body)
            }
            Act::Unassign(from) => self.ask_for(Method::DELETE, self.given(from)),
            Act::Confirm(asked) => {
                self.ask_for(Method::POST, format!("{}/confirm", self.asked(asked)))
            }
            Act::EndRequest(asked) => self.ask_for(Method::DELETE, self.asked(asked)),
            Act::Approval { role, on } => {
                let body = json!({ "approval": on });
                self.with(Method::PATCH, format!("/api/roles/{role}"), &body)
            }
            Act::AddConstraint(_)
            | Act::DeleteConstraint(_)
            | Act::AddMember { .. }
            | Act::RemoveMember { .. }
            | Act::Limit { .. } => self.constrain(act),
            Act::Apply(document) => {
                let ask = self.with(Method::PUT, "/api/policy", &body_of(document));
                ask.header("if-match", "*")
            }
        }
    }

    fn constrain(&self, act: &Act) -> Ask {
        let path = |name: &Name| format!("/api/constraints/{name}");
        match act {
            Act::AddConstraint(one) => {
                let mut body = constraint_body(one);
                body["name"] = json!(one.name);
                self.with(Method::POST, "/api/constraints", &body)
            }
            Act::AddMember { constraint, role } => {
                self.ask_for(Method::PUT, format!("{}/roles/{role}", path(constraint)))
            }
            Act::RemoveMember { constraint, role } => {
                self.ask_for(Method::DELETE, format!("{}/roles/{role}", path(constraint)))
            }
            Act::Limit {
                constraint,
                at_most,
            } => self.with(
                Method::PATCH,
                path(constraint),
                &json!({ "at_most": at_most }),
            ),
            Act::DeleteConstraint(name) => self.ask_for(Method::DELETE, path(name)),
            _ => unreachable!("no constraint"),
        }
    }

    fn ask_for(&self, method: Method, path: impl std::fmt::Display) -> Ask {
        self.app().request(method, path)
    }

    fn with(&self, method: Method, path: impl std::fmt::Display, body: &Value) -> Ask {
        self.ask_for(method, path).json(body)
    }

    fn user(&self, name: &str) -> String {
        let id = self.last_ids.get(name).map_or("nobody", String::as_str);
        format!("/api/users/{id}")
    }

    fn set_status(&self, user: &str, status: &str) -> Ask {
        self.with(Method::PATCH, self.user(user), &json!({ "status": status }))
    }

    fn given(&self, given: &Given) -> String {
        let path = format!("{}/roles/{}", self.user(&given.user), given.role);
        match &given.tenant {
            Some(tenant) => format!("{path}?tenant={tenant}"),
            None => path,
        }
    }

    /// The last request for an assignment.
    fn asked(&self, asked: &Given) -> String {
        let id = self.requests.get(&self.given(asked));
        let id = id.map_or("none", String::as_str);
        format!("/api/assignment-requests/{id}")
    }

    /// What later commands need of an answer.
    pub(super) fn note(&mut self, command: &Command, model: &Model, answer: &Answer) -> Done {
        match command {
            Command::LogIn { token, .. } => {
                self.take_token(token, &model.tokens[token], answer)?;
            }
            Command::Refresh { token, of, .. } => {
                self.take_token(of, &model.tokens[token], answer)?;
            }
            Command::By {
                act: Act::AddUser { user, .. },
                ..
            } => {
                let (number, id) = (model.users[user].id, answer.text("id"));
                self.ids.insert(number, id.clone());
                self.last_ids.insert(user.clone(), id);
            }
            _ => {}
        }
        Ok(())
    }
}

fn held(role: &str, pattern: &str) -> String {
    format!("/api/roles/{role}/permissions/{pattern}")
}

fn edge(senior: &str, junior: &str) -> String {
    format!("/api/roles/{senior}/juniors/{junior}")
}

/// The document as JSON. Descriptions stay as they are, so that no role is changed by its description alone.
fn body_of(document: &Document) -> Value {
    let described = |role: &str| match role {
        USER => "everyone who registers",
        _ => "",
    };
    let permissions = document.permissions.iter();
    let permissions: serde_json::Map<String, Value> =
        permissions.map(|one| (one.clone(), json!(""))).collect();
    let roles = document.roles.iter().map(|entry| {
        let body = json!({
            "description": described(&entry.role),
            "permissions": entry.patterns,
            "juniors": entry.juniors,
            "approval": entry.approval,
        });
        (entry.role.clone(), body)
    });
    let roles: serde_json::Map<String, Value> = roles.collect();
    let constraints = document.constraints.iter();
    let constraints: serde_json::Map<String, Value> = constraints
        .map(|one| (one.name.clone(), constraint_body(one)))
        .collect();
    json!({ "permissions": permissions, "roles": roles, "constraints": constraints })
}

fn constraint_body(constraint: &Constraint) -> Value {
    json!({ "kind": constraint.kind, "roles": constraint.roles, "at_most": constraint.at_most })
}

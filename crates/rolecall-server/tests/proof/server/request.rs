//! Turns a command into a request, and keeps what later commands need of its response.

use http::Method;
use serde_json::{Value, json};

use super::{Check, Server};
use crate::{
    command::{Act, AssignmentKey, Command, Constraint, Document, Name},
    model::{Model, USER},
    support::{PASSWORD, RequestBuilder, Response},
};

impl Server {
    pub(super) fn request(&mut self, command: &Command) -> RequestBuilder {
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

    fn log_in(&mut self, user: &str, tenant: Option<&str>, scope: &[Name]) -> RequestBuilder {
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
        let request = self.app().request(Method::POST, "/token").peer(&address);
        request.form(&form)
    }

    fn act(&self, act: &Act) -> RequestBuilder {
        match act {
            Act::AddUser { user, roles } => {
                let body = json!({ "username": user, "password": PASSWORD, "roles": roles });
                self.with(Method::POST, "/api/users", &body)
            }
            Act::DeleteUser(user) => self.request_to(Method::DELETE, self.user(user)),
            Act::Disable(user) => self.set_status(user, "disabled"),
            Act::Enable(user) => self.set_status(user, "active"),
            Act::EndSessions(user) => {
                self.request_to(Method::DELETE, format!("{}/sessions", self.user(user)))
            }
            Act::LogOut => self.request_to(Method::POST, "/api/me/logout"),
            Act::AddRole(role) => self.with(Method::POST, "/api/roles", &json!({ "name": role })),
            Act::DeleteRole(role) => self.request_to(Method::DELETE, format!("/api/roles/{role}")),
            Act::AddPermission(name) => {
                self.with(Method::POST, "/api/permissions", &json!({ "name": name }))
            }
            Act::DeletePermission(name) => {
                self.request_to(Method::DELETE, format!("/api/permissions/{name}"))
            }
            Act::Grant { role, pattern } => self.request_to(Method::PUT, held(role, pattern)),
            Act::Revoke { role, pattern } => self.request_to(Method::DELETE, held(role, pattern)),
            Act::Inherit { senior, junior } => self.request_to(Method::PUT, edge(senior, junior)),
            Act::Disinherit { senior, junior } => {
                self.request_to(Method::DELETE, edge(senior, junior))
            }
            Act::Assign { to, from, until } => {
                let time = |seconds: &Option<i64>| seconds.map(|seconds| self.at(seconds));
                let body = json!({ "valid_from": time(from), "expires_at": time(until) });
                self.with(Method::PUT, self.assignment_path(to), &body)
            }
            Act::Unassign(from) => self.request_to(Method::DELETE, self.assignment_path(from)),
            Act::Confirm(requested) => self.request_to(
                Method::POST,
                format!("{}/confirm", self.request_path(requested)),
            ),
            Act::EndRequest(requested) => {
                self.request_to(Method::DELETE, self.request_path(requested))
            }
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
                let request = self.with(Method::PUT, "/api/policy", &body_of(document));
                request.header("if-match", "*")
            }
        }
    }

    fn constrain(&self, act: &Act) -> RequestBuilder {
        let path = |name: &Name| format!("/api/constraints/{name}");
        match act {
            Act::AddConstraint(one) => {
                let mut body = constraint_body(one);
                body["name"] = json!(one.name);
                self.with(Method::POST, "/api/constraints", &body)
            }
            Act::AddMember { constraint, role } => {
                self.request_to(Method::PUT, format!("{}/roles/{role}", path(constraint)))
            }
            Act::RemoveMember { constraint, role } => {
                self.request_to(Method::DELETE, format!("{}/roles/{role}", path(constraint)))
            }
            Act::Limit {
                constraint,
                at_most,
            } => self.with(
                Method::PATCH,
                path(constraint),
                &json!({ "at_most": at_most }),
            ),
            Act::DeleteConstraint(name) => self.request_to(Method::DELETE, path(name)),
            _ => unreachable!("no constraint"),
        }
    }

    fn request_to(&self, method: Method, path: impl std::fmt::Display) -> RequestBuilder {
        self.app().request(method, path)
    }

    fn with(&self, method: Method, path: impl std::fmt::Display, body: &Value) -> RequestBuilder {
        self.request_to(method, path).json(body)
    }

    fn user(&self, name: &str) -> String {
        let id = self.last_ids.get(name).map_or("nobody", String::as_str);
        format!("/api/users/{id}")
    }

    fn set_status(&self, user: &str, status: &str) -> RequestBuilder {
        self.with(Method::PATCH, self.user(user), &json!({ "status": status }))
    }

    fn assignment_path(&self, key: &AssignmentKey) -> String {
        let path = format!("{}/roles/{}", self.user(&key.user), key.role);
        match &key.tenant {
            Some(tenant) => format!("{path}?tenant={tenant}"),
            None => path,
        }
    }

    /// The path of the last request for an assignment.
    fn request_path(&self, key: &AssignmentKey) -> String {
        let id = self.requests.get(&self.assignment_path(key));
        let id = id.map_or("none", String::as_str);
        format!("/api/assignment-requests/{id}")
    }

    /// Keeps what later commands need of a response.
    pub(super) fn record(
        &mut self,
        command: &Command,
        model: &Model,
        response: &Response,
    ) -> Check {
        match command {
            Command::LogIn { token, .. } => {
                self.record_token(token, &model.tokens[token], response)?;
            }
            Command::Refresh { token, of, .. } => {
                self.record_token(of, &model.tokens[token], response)?;
            }
            Command::By {
                act: Act::AddUser { user, .. },
                ..
            } => {
                let (number, id) = (model.users[user].id, response.text("id"));
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

/// The document as JSON. It repeats the descriptions, so that no role changes by its description alone.
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

//! Compares the access matrix with the committed file, and requests every cell from the router.

#[cfg(feature = "axum")]
mod probe;

use std::{fmt::Write as _, fs, path::Path};

use http::{HeaderValue, Method, StatusCode};

#[cfg(feature = "axum")]
use super::data::try_data_rule;
use crate::{
    AccessMatrix, Caller, Denial, RouteAccess, Rule,
    guard::{StepUp, step_up},
    matrix::{Cell, OTHER_TENANT, SOME_TENANT, admission, permissions_of},
    rule::Holder,
};

/// The value of every path parameter in a request.
const PARAMETER: &str = SOME_TENANT;
const NOT_A_TOKEN: &str = "not.a.token";

#[cfg(feature = "axum")]
pub use probe::assert_access_matrix;

/// A request for a cell of the matrix, which [`AccessMatrix::check_with`] has sent to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CellRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, with a value for each parameter.
    pub path: &'a str,
    /// The access token, or `None` for a request without one.
    pub token: Option<&'a str>,
}

/// The answer of an application to a [`CellRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellAnswer {
    /// The status: 204 for a request that the access rule lets in, whose handler then does not run.
    pub status: StatusCode,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<HeaderValue>,
}

type Send<'a> = dyn Fn(CellRequest<'_>) -> Result<CellAnswer, String> + 'a;

impl AccessMatrix {
    /// Compares the matrix with the committed file, and requests every cell with `send`; for applications of other
    /// frameworks. With `bless`, it writes the file.
    ///
    /// `token` creates an access token that the application's guard accepts, such as
    /// [`TestIssuer::token_of`](super::TestIssuer::token_of).
    ///
    /// # Errors
    ///
    /// A text for the developer, if the file is missing or different, or the application does not behave as the matrix
    /// shows.
    pub fn check_with(
        &self,
        lock_file: &Path,
        bless: bool,
        token: &dyn Fn(&Caller) -> String,
        send: &dyn Fn(CellRequest<'_>) -> Result<CellAnswer, String>,
    ) -> Result<(), String> {
        // first, so that a matrix is never written for an application that does not behave accordingly
        self.request_all(token, send)?;
        self.compare_file(lock_file, bless)
    }

    fn compare_file(&self, lock_file: &Path, bless: bool) -> Result<(), String> {
        let text = self.to_string();
        if bless {
            return fs::write(lock_file, text)
                .map_err(|error| format!("cannot write {}: {error}", lock_file.display()));
        }
        let committed = fs::read_to_string(lock_file).map_err(|error| {
            format!(
                "cannot read {}: {error}\n\nThe access matrix is now:\n\n{text}\n{HOW_TO_BLESS}",
                lock_file.display()
            )
        })?;
        match difference(&committed, &text) {
            None => Ok(()),
            Some(difference) => Err(format!(
                "{} has changed (- committed, + now):\n\n{difference}\n{HOW_TO_BLESS}",
                lock_file.display()
            )),
        }
    }

    /// Requests every cell, and each route as callers with slightly more or less than its rule needs.
    fn request_all(
        &self,
        token: &dyn Fn(&Caller) -> String,
        send: &Send<'_>,
    ) -> Result<(), String> {
        for route in &self.routes {
            let Some(method) = &route.method else {
                continue;
            };
            let test = RouteTest {
                matrix: self,
                method,
                route,
                token,
                send,
            };
            test.request_columns()?;
            test.request_around_rule()?;
            test.request_invalid()?;
            #[cfg(feature = "axum")]
            try_data_rule(self, route, token)
                .map_err(|fault| format!("{method} {}: {fault}", route.path))?;
        }
        Ok(())
    }
}

const HOW_TO_BLESS: &str =
    "If the change is intended, run `ROLECALL_BLESS=1 cargo test` and commit the file.";

/// The requests to one route and method.
struct RouteTest<'a> {
    matrix: &'a AccessMatrix,
    method: &'a Method,
    route: &'a RouteAccess,
    token: &'a dyn Fn(&Caller) -> String,
    send: &'a Send<'a>,
}

impl RouteTest<'_> {
    fn request_columns(&self) -> Result<(), String> {
        for column in self.matrix.columns() {
            let cell = column.cell(&self.route.rule);
            let Some(caller) = &column.caller else {
                self.expect(None, cell, &column.title)?;
                continue;
            };
            if let Some(below) = &column.below {
                let title = format!("{} in a session of the lowest assurance", column.title);
                self.expect_below(below, cell, &title)?;
            }
            if cell == Cell::Depends {
                let with = caller.clone().with(permissions_of(&self.route.rule));
                self.expect(Some(caller), Cell::NotPermitted, &column.title)?;
                let title = format!("{} with the permissions", column.title);
                self.expect(Some(&with), admission(&self.route.rule, &with), &title)?;
            } else {
                self.expect(Some(caller), cell, &column.title)?;
            }
        }
        Ok(())
    }

    /// Requests as a caller whose session does not reach all of its roles.
    fn expect_below(&self, below: &Caller, cell: Cell, title: &str) -> Result<(), String> {
        let rule = &self.route.rule;
        if cell != Cell::StepUp {
            return self.expect(Some(below), admission(rule, below), title);
        }
        let missed: Vec<_> = below
            .step_up
            .iter()
            .filter_map(|role| role.parse().ok())
            .collect();
        let guard = self.matrix.guard.as_ref();
        let policy = guard.and_then(crate::Guard::policy);
        let admits = |holder: &dyn Holder| rule.admits_in(Some(SOME_TENANT), holder);
        let step_up = step_up(
            rule.max_age(),
            below,
            (below.acr, &missed),
            policy.as_deref(),
            admits,
        );
        // a guard that does not know the policy refuses, and names the role
        let denial = step_up.map_or_else(|| forbidden(rule, below), |step_up| step_up.denial(None));
        self.expect_denial(Some(below), Some(&denial), title)
    }

    /// Requests as callers with all the names of the rule, with all but one of them, and with only one of them.
    fn request_around_rule(&self) -> Result<(), String> {
        let rule = &self.route.rule;
        let names = rule.names();
        let mut sets = vec![names.clone()];
        for name in &names {
            sets.push(vec![name.clone()]);
            let others = names.iter().filter(|other| *other != name);
            sets.push(others.cloned().collect());
        }
        for set in sets {
            let title = format!("a holder of [{}]", set.join(", "));
            let caller = Caller::default().with(set);
            self.expect(Some(&caller), admission(rule, &caller), &title)?;
        }
        self.request_stale(names)
    }

    /// Requests as a caller with all the names of the rule whose sign-in is too old for it.
    fn request_stale(&self, names: Vec<String>) -> Result<(), String> {
        let rule = &self.route.rule;
        let caller = Caller::default().with(names);
        let mut callers = [caller.in_tenant(SOME_TENANT), caller].into_iter();
        let admitted = callers.find(|caller| rule.admits_in(Some(SOME_TENANT), caller));
        let Some(admitted) = admitted.filter(|_| rule.max_age().is_some()) else {
            return Ok(());
        };
        let caller = Caller {
            is_stale: true,
            ..admitted
        };
        let denial = StepUp {
            acr: None,
            max_age: rule.max_age(),
        };
        let denial = denial.denial(None);
        self.expect_denial(Some(&caller), Some(&denial), "a sign-in that is too old")
    }

    /// Requests with an invalid token, and from our own router with a method that the route does not have.
    fn request_invalid(&self) -> Result<(), String> {
        let answer = self.send(self.method, Some(NOT_A_TOKEN))?;
        let denial = Denial::InvalidToken;
        let expected = match self.route.rule {
            Rule::Public => admitted(),
            _ => refused(&denial),
        };
        self.compare("a token that is not valid", &expected, &answer)?;
        #[cfg(feature = "axum")]
        if self.matrix.probe.is_some() {
            let answer = self.send(&Method::OPTIONS, None)?;
            let expected = CellAnswer {
                status: StatusCode::METHOD_NOT_ALLOWED,
                challenge: None,
            };
            self.compare("OPTIONS", &expected, &answer)?;
        }
        Ok(())
    }

    /// Requests the route as `caller` and compares the response with `cell`; if the caller is admitted at all, with a
    /// token for each of several tenants too.
    fn expect(&self, caller: Option<&Caller>, cell: Cell, title: &str) -> Result<(), String> {
        let is_refused = matches!(cell, Cell::NotAuthenticated | Cell::NotPermitted);
        let Some(caller) = caller.filter(|_| !is_refused) else {
            return self.expect_response(caller, cell, title);
        };
        for (caller, tenant) in [
            (caller.in_tenant(SOME_TENANT), "the path's tenant"),
            (caller.in_tenant(OTHER_TENANT), "another tenant"),
            (caller.clone(), "no tenant"),
        ] {
            let title = format!("{title} with a token for {tenant}");
            let cell = if self.route.rule.admits_in(Some(SOME_TENANT), &caller) {
                Cell::Admitted
            } else {
                Cell::NotPermitted
            };
            self.expect_response(Some(&caller), cell, &title)?;
        }
        Ok(())
    }

    fn expect_response(
        &self,
        caller: Option<&Caller>,
        cell: Cell,
        title: &str,
    ) -> Result<(), String> {
        let denial = match cell {
            Cell::Admitted
            | Cell::AdmittedInTenant
            | Cell::AdmittedInAnyTenant
            | Cell::Depends
            | Cell::StepUp
            | Cell::IfData(_) => None,
            Cell::NotAuthenticated => Some(Denial::NotAuthenticated),
            Cell::NotPermitted => {
                let default = Caller::default();
                Some(forbidden(&self.route.rule, caller.unwrap_or(&default)))
            }
        };
        self.expect_denial(caller, denial.as_ref(), title)
    }

    fn expect_denial(
        &self,
        caller: Option<&Caller>,
        denial: Option<&Denial>,
        title: &str,
    ) -> Result<(), String> {
        let expected = denial.map_or_else(admitted, refused);
        let token = caller.map(self.token);
        let answer = self.send(self.method, token.as_deref())?;
        self.compare(title, &expected, &answer)
    }

    fn compare(
        &self,
        title: &str,
        expected: &CellAnswer,
        actual: &CellAnswer,
    ) -> Result<(), String> {
        if expected == actual {
            return Ok(());
        }
        let (method, path) = (self.method, &self.route.path);
        let text = |answer: &CellAnswer| (answer.status, answer.challenge.clone());
        let (expected, actual) = (text(expected), text(actual));
        Err(format!(
            "{method} {path} for {title}: expected {expected:?}, got {actual:?}"
        ))
    }

    fn send(&self, method: &Method, token: Option<&str>) -> Result<CellAnswer, String> {
        let path = fill_parameters(&self.route.path);
        let request = CellRequest {
            method,
            path: &path,
            token,
        };
        (self.send)(request).map_err(|fault| format!("{}: {fault}", self.route.path))
    }
}

/// Returns the answer to a request that the rule lets in.
fn admitted() -> CellAnswer {
    CellAnswer {
        status: StatusCode::NO_CONTENT,
        challenge: None,
    }
}

fn refused(denial: &Denial) -> CellAnswer {
    CellAnswer {
        status: denial.status(),
        challenge: denial.challenge(),
    }
}

fn forbidden(rule: &Rule, caller: &Caller) -> Denial {
    Denial::Forbidden {
        scope: rule.missing_scope(caller),
        receipt: None,
    }
}

/// Returns a path that matches `pattern`, with a value for each `{parameter}`.
fn fill_parameters(pattern: &str) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        if let Some(literal) = after.strip_prefix('{') {
            path.push('{');
            rest = literal;
            continue;
        }
        path.push_str(PARAMETER);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    path.push_str(rest);
    path.replace("}}", "}")
}

/// Returns the lines that are in only one of the texts, or `None` if the texts are equal.
fn difference(committed: &str, now: &str) -> Option<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), now.lines().collect());
    if old == new {
        return None;
    }
    let mut text = String::new();
    for line in old.iter().filter(|line| !new.contains(line)) {
        let _ = writeln!(text, "- {line}");
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        let _ = writeln!(text, "+ {line}");
    }
    if text.is_empty() {
        text.push_str("the same lines in a different order or number\n");
    }
    Some(text)
}

#[cfg(all(test, feature = "axum"))]
mod tests;

//! Compares the access matrix with the committed file, and requests every cell from the router.

use std::{
    fmt::Write as _,
    fs,
    future::Future as _,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::ServiceExt as _;

use super::{TestIssuer, data::try_data_rule};
use crate::{
    AccessMatrix, Caller, Denial, Guard, GuardedRouter, RouteAccess, Rule,
    guard::{StepUp, step_up},
    matrix::{Cell, OTHER_TENANT, SOME_TENANT, admission, permissions_of},
    rule::Holder,
};

/// The value of every path parameter in a request.
const PARAMETER: &str = SOME_TENANT;
const NOT_A_TOKEN: &str = "not.a.token";

/// Compares the access matrix of an application with the committed file, and requests every cell from its router.
///
/// `app` builds the router with the given guard. No handler runs, since each request stops after the access rule.
/// `ROLECALL_BLESS=1 cargo test` writes the file. Paths are relative to the folder of the package.
///
/// ```no_run
/// # fn app(guard: rolecall::Guard) -> rolecall::GuardedRouter { rolecall::GuardedRouter::new(guard) }
/// rolecall::roles! { mod role { Admin = "admin", User = "user" } }
///
/// #[test]
/// fn the_access_matrix_matches_the_reviewed_file() {
///     rolecall::testing::assert_access_matrix("access.lock", role::ALL, app);
/// }
/// ```
///
/// For an application that builds its own guard, use [`AccessMatrix::assert`].
///
/// # Panics
///
/// If the file is missing or different, or the router does not behave as the matrix shows.
#[track_caller]
pub fn assert_access_matrix<S: Clone + Send + Sync + 'static>(
    lock_file: impl AsRef<Path>,
    roles: &[&str],
    app: impl FnOnce(Guard) -> GuardedRouter<S>,
) {
    let issuer = TestIssuer::new();
    AccessMatrix::of(&app(issuer.guard()))
        .roles(roles)
        .assert(lock_file, |caller| issuer.token_of(caller));
}

impl AccessMatrix {
    /// Compares the matrix with the committed file, and requests every cell from the router.
    ///
    /// `token` creates an access token that the router's guard accepts, with exactly the roles and permissions of the
    /// caller, such as [`TestIssuer::token_of`].
    ///
    /// # Panics
    ///
    /// If the file is missing or different, or the router does not behave as the matrix shows.
    #[track_caller]
    #[expect(clippy::panic, reason = "an assertion of a test")]
    pub fn assert(&self, lock_file: impl AsRef<Path>, token: impl Fn(&Caller) -> String) {
        let bless = std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1");
        if let Err(fault) = self.check(lock_file.as_ref(), bless, &token) {
            panic!("{fault}");
        }
    }

    pub(super) fn check(
        &self,
        lock_file: &Path,
        bless: bool,
        token: &dyn Fn(&Caller) -> String,
    ) -> Result<(), String> {
        // first, so that a matrix is never written for a router that does not behave accordingly
        self.request_all(token)?;
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
    fn request_all(&self, token: &dyn Fn(&Caller) -> String) -> Result<(), String> {
        for route in &self.routes {
            let Some(method) = &route.method else {
                continue;
            };
            let test = RouteTest {
                matrix: self,
                method,
                route,
                token,
            };
            test.request_columns()?;
            test.request_around_rule()?;
            test.request_invalid()?;
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
        let policy = self.matrix.guard.policy();
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
        self.expect_denial(Some(below), Some(denial), title)
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
        let denial = Some(denial.denial(None));
        self.expect_denial(Some(&caller), denial, "a sign-in that is too old")
    }

    /// Requests with an invalid token, and with a method that the route does not have.
    fn request_invalid(&self) -> Result<(), String> {
        let (status, headers) = self.send(self.method, Some(NOT_A_TOKEN))?;
        let denial = Denial::InvalidToken;
        let expected = match self.route.rule {
            Rule::Public => (StatusCode::NO_CONTENT, None),
            _ => (denial.status(), denial.challenge()),
        };
        self.compare(
            "a token that is not valid",
            &expected,
            &(status, challenge(&headers)),
        )?;
        let (status, headers) = self.send(&Method::OPTIONS, None)?;
        let expected = (StatusCode::METHOD_NOT_ALLOWED, None);
        self.compare("OPTIONS", &expected, &(status, challenge(&headers)))
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
        self.expect_denial(caller, denial, title)
    }

    fn expect_denial(
        &self,
        caller: Option<&Caller>,
        denial: Option<Denial>,
        title: &str,
    ) -> Result<(), String> {
        let expected = denial.map_or((StatusCode::NO_CONTENT, None), |denial| {
            (denial.status(), denial.challenge())
        });
        let token = caller.map(self.token);
        let (status, headers) = self.send(self.method, token.as_deref())?;
        self.compare(title, &expected, &(status, challenge(&headers)))
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &self,
        title: &str,
        expected: &T,
        actual: &T,
    ) -> Result<(), String> {
        if expected == actual {
            return Ok(());
        }
        let (method, path) = (self.method, &self.route.path);
        Err(format!(
            "{method} {path} for {title}: expected {expected:?}, got {actual:?}"
        ))
    }

    fn send(
        &self,
        method: &Method,
        token: Option<&str>,
    ) -> Result<(StatusCode, HeaderMap), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(fill_parameters(&self.route.path));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty());
        let request = request.map_err(|error| format!("{}: {error}", self.route.path))?;
        let response = pin!(self.matrix.probe.clone().oneshot(request));
        // no handler runs, so the response is ready immediately
        match response.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => Ok((response.status(), response.headers().clone())),
            Poll::Pending => Err(format!("{}: the router did not answer", self.route.path)),
        }
    }
}

fn forbidden(rule: &Rule, caller: &Caller) -> Denial {
    Denial::Forbidden {
        scope: rule.missing_scope(caller),
        receipt: None,
    }
}

fn challenge(headers: &HeaderMap) -> Option<http::HeaderValue> {
    headers.get(WWW_AUTHENTICATE).cloned()
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

#[cfg(test)]
mod tests;

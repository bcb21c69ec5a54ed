//! The access matrix against the committed file, and every cell against the router.

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

use super::TestIssuer;
use crate::{
    AccessMatrix, Caller, Denial, Guard, GuardedRouter, RouteAccess, Rule,
    matrix::{Cell, SOME_TENANT, permissions_of},
};

/// What takes the place of a path parameter in a request.
const PARAMETER: &str = SOME_TENANT;
const OTHER_TENANT: &str = "rolecall-test-other";
const NOT_A_TOKEN: &str = "not.a.token";

/// Compares the access matrix of an application with the committed file, and asks its router for every cell.
///
/// `app` makes the router with the guard that it is given. No handler runs: each request stops behind the
/// rule. `ROLECALL_BLESS=1 cargo test` writes the file. Paths are relative to the folder of the package.
///
/// ```no_run
/// # fn app(guard: rolecall::Guard) -> rolecall::GuardedRouter { rolecall::GuardedRouter::new(guard) }
/// rolecall::roles! { mod role { Admin = "admin", User = "user" } }
///
/// #[test]
/// fn who_may_call_what_is_as_reviewed() {
///     rolecall::testing::assert_access_matrix("access.lock", role::ALL, app);
/// }
/// ```
///
/// An application whose guard is its own, or that has a policy, uses [`AccessMatrix::assert`].
///
/// # Panics
///
/// If the file is missing or different, or a cell is not what the matrix says.
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
    /// Compares the matrix with the committed file, and asks the router for every cell.
    ///
    /// `token` makes an access token that the router's guard accepts, with exactly the roles and
    /// permissions of the caller: [`TestIssuer::token_of`], or the application's own issuer.
    ///
    /// # Panics
    ///
    /// If the file is missing or different, or a cell is not what the matrix says.
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
        // the cells first: what the router does not keep must not be written down as if it did
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
                "{} is not what the router does (- committed, + now):\n\n{difference}\n{HOW_TO_BLESS}",
                lock_file.display()
            )),
        }
    }

    /// Asks for every cell, and around each rule for callers who hold a little more or less.
    fn request_all(&self, token: &dyn Fn(&Caller) -> String) -> Result<(), String> {
        for route in &self.routes {
            let Some(method) = &route.method else {
                continue;
            };
            let ask = Ask {
                matrix: self,
                method,
                route,
                token,
            };
            ask.every_column()?;
            ask.around_the_rule()?;
            ask.odd_requests()?;
        }
        Ok(())
    }
}

const HOW_TO_BLESS: &str =
    "If this is what you want, run `ROLECALL_BLESS=1 cargo test` and commit the file.";

struct Ask<'a> {
    matrix: &'a AccessMatrix,
    method: &'a Method,
    route: &'a RouteAccess,
    token: &'a dyn Fn(&Caller) -> String,
}

impl Ask<'_> {
    fn every_column(&self) -> Result<(), String> {
        for column in self.matrix.columns() {
            let cell = column.cell(&self.route.rule);
            let Some(caller) = &column.caller else {
                self.expect(None, cell, &column.title)?;
                continue;
            };
            if cell == Cell::Depends {
                let with = caller.clone().with(permissions_of(&self.route.rule));
                self.expect(Some(caller), Cell::NotPermitted, &column.title)?;
                let title = format!("{} with the permissions", column.title);
                self.expect(Some(&with), self.let_in(), &title)?;
            } else {
                self.expect(Some(caller), cell, &column.title)?;
            }
        }
        Ok(())
    }

    /// Who holds exactly what the rule names, all but one of it, and one of it alone.
    fn around_the_rule(&self) -> Result<(), String> {
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
            let there = caller.of_tenant(SOME_TENANT);
            let cell = if rule.admits_at(Some(SOME_TENANT), &there) {
                self.let_in()
            } else {
                Cell::NotPermitted
            };
            self.expect(Some(&caller), cell, &title)?;
        }
        Ok(())
    }

    /// A token that is none, and a method that the route does not have.
    fn odd_requests(&self) -> Result<(), String> {
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

    /// How whoever satisfies the rule is let in.
    fn let_in(&self) -> Cell {
        if self.route.rule.asks_for_tenant() {
            Cell::LetInThere
        } else {
            Cell::LetIn
        }
    }

    fn expect(&self, caller: Option<&Caller>, cell: Cell, title: &str) -> Result<(), String> {
        let Some(caller) = caller.filter(|_| cell == Cell::LetInThere) else {
            return self.expect_answer(caller, cell, title);
        };
        let there = caller.of_tenant(SOME_TENANT);
        self.expect_answer(Some(&there), Cell::LetIn, title)?;
        let title_of = |what: &str| format!("{title} with a token for {what}");
        let elsewhere = caller.of_tenant(OTHER_TENANT);
        for (caller, what) in [(&elsewhere, "another tenant"), (caller, "no tenant")] {
            self.expect_answer(Some(caller), Cell::NotPermitted, &title_of(what))?;
        }
        Ok(())
    }

    fn expect_answer(
        &self,
        caller: Option<&Caller>,
        cell: Cell,
        title: &str,
    ) -> Result<(), String> {
        let denial = match cell {
            Cell::LetIn | Cell::LetInThere | Cell::Depends => None,
            Cell::NotAuthenticated => Some(Denial::NotAuthenticated),
            Cell::NotPermitted => {
                let nobody = Caller::default();
                Some(Denial::Forbidden {
                    scope: self.route.rule.lacking(caller.unwrap_or(&nobody)),
                    receipt: None,
                })
            }
        };
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
            .uri(fill(&self.route.path));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty());
        let request = request.map_err(|error| format!("{}: {error}", self.route.path))?;
        let answer = pin!(self.matrix.probe.clone().oneshot(request));
        // nothing behind the rule runs, so there is nothing to wait for
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => Ok((answer.status(), answer.headers().clone())),
            Poll::Pending => Err(format!("{}: the router waits", self.route.path)),
        }
    }
}

fn challenge(headers: &HeaderMap) -> Option<http::HeaderValue> {
    headers.get(WWW_AUTHENTICATE).cloned()
}

/// A path that matches the pattern: each `{parameter}` filled in.
fn fill(pattern: &str) -> String {
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

/// The lines that stand in one text only; `None` if there are none.
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
        text.push_str("the same lines in another order or number\n");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use axum::{extract::Request, middleware::Next, middleware::from_fn, response::IntoResponse};

    use super::*;
    use crate::{Authenticated, ForTenant, routing::get};

    fn matrix(issuer: &TestIssuer) -> AccessMatrix {
        let handler = |_: Authenticated| async {};
        AccessMatrix::of(&GuardedRouter::<()>::new(issuer.guard()).route("/x", get(handler)))
    }

    fn fault(issuer: &TestIssuer, matrix: &AccessMatrix) -> Option<String> {
        matrix.request_all(&|caller| issuer.token_of(caller)).err()
    }

    #[test]
    fn a_router_that_lets_in_a_token_that_is_none_or_answers_options_is_found_out() {
        let issuer = TestIssuer::new();
        assert_eq!(fault(&issuer, &matrix(&issuer)), None);

        let mut careless = matrix(&issuer);
        careless.probe = careless
            .probe
            .layer(from_fn(|request: Request, next: Next| async {
                let bad = request.headers().get(AUTHORIZATION);
                if bad.is_some_and(|value| value == "Bearer not.a.token") {
                    return StatusCode::NO_CONTENT.into_response();
                }
                next.run(request).await
            }));
        assert!(
            fault(&issuer, &careless)
                .unwrap()
                .contains("a token that is not valid")
        );

        let mut talkative = matrix(&issuer);
        talkative.probe = talkative
            .probe
            .layer(from_fn(|request: Request, next: Next| async {
                if request.method() == Method::OPTIONS {
                    return StatusCode::NO_CONTENT.into_response();
                }
                next.run(request).await
            }));
        assert!(fault(&issuer, &talkative).unwrap().contains("OPTIONS"));
    }

    #[test]
    fn a_router_that_lets_another_tenant_in_is_found_out() {
        let issuer = TestIssuer::new();
        let handler = |_: ForTenant<Authenticated>| async {};
        let router = GuardedRouter::<()>::new(issuer.guard()).route("/{tenant}", get(handler));
        let mut matrix = AccessMatrix::of(&router);
        assert_eq!(fault(&issuer, &matrix), None);
        matrix.probe = matrix
            .probe
            .layer(from_fn(|request: Request, next: Next| async {
                if request.headers().contains_key(AUTHORIZATION) {
                    return StatusCode::NO_CONTENT.into_response();
                }
                next.run(request).await
            }));
        let fault = fault(&issuer, &matrix).unwrap();
        assert!(
            fault.starts_with("GET /{tenant} for any token with a token for another tenant: "),
            "{fault}"
        );
    }

    #[test]
    fn a_router_that_answers_the_right_status_with_the_wrong_challenge_is_found_out() {
        let issuer = TestIssuer::new();
        let mut mute = matrix(&issuer);
        mute.probe = mute
            .probe
            .layer(from_fn(|request: Request, next: Next| async {
                let mut answer = next.run(request).await;
                answer.headers_mut().remove(WWW_AUTHENTICATE);
                answer
            }));
        let fault = fault(&issuer, &mute).unwrap();
        assert!(
            fault.starts_with("GET /x for anonymous: expected (401, Some("),
            "{fault}"
        );
    }

    #[test]
    fn every_parameter_of_a_path_is_filled_in() {
        assert_eq!(fill("/x"), "/x");
        assert_eq!(fill("/x/{id}/y"), "/x/rolecall-test/y");
        assert_eq!(fill("/{a}/{*rest}"), "/rolecall-test/rolecall-test");
        assert_eq!(fill("/{{x}}/{id}"), "/{x}/rolecall-test");
    }

    #[test]
    fn blessing_writes_the_file_but_not_for_a_router_that_breaks_its_rules() {
        let issuer = TestIssuer::new();
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("access.lock");
        let right = |caller: &Caller| issuer.token_of(caller);
        let matrix = matrix(&issuer);
        assert!(matrix.check(&lock, true, &|_| String::new()).is_err());
        assert!(!lock.exists());
        assert!(
            matrix
                .check(&lock, false, &right)
                .unwrap_err()
                .contains("cannot read")
        );
        matrix.check(&lock, true, &right).unwrap();
        matrix.check(&lock, false, &right).unwrap();
        assert_eq!(fs::read_to_string(&lock).unwrap(), matrix.to_string());
    }
}

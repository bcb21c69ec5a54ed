//! Tests the access matrix of a router of this crate.

use std::{
    future::Future as _,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{
    Request,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::ServiceExt as _;

use super::{CellAnswer, CellRequest};
use crate::{AccessMatrix, Caller, Guard, GuardedRouter, testing::TestIssuer};

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
        self.check_with(lock_file, bless, token, &|request| self.probe(request))
    }

    pub(super) fn probe(&self, asked: CellRequest<'_>) -> Result<CellAnswer, String> {
        let probe = self
            .probe
            .clone()
            .ok_or("a matrix without a router: call `check_with`")?;
        let mut request = Request::builder().method(asked.method).uri(asked.path);
        if let Some(token) = asked.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let response = pin!(probe.oneshot(request));
        // no handler runs, so the response is ready immediately
        match response.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => Ok(CellAnswer {
                status: response.status(),
                challenge: response.headers().get(WWW_AUTHENTICATE).cloned(),
            }),
            Poll::Pending => Err("the router did not answer".to_owned()),
        }
    }
}

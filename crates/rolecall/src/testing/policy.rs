//! Tests with the policy of an application as a document.

use std::{fs, path::Path};

use rolecall_core::document::Document;

use crate::AccessMatrix;
#[cfg(feature = "axum")]
use crate::{Guard, GuardedRouter};

/// Reads a policy document, as written by `rolecall policy export` and read by `rolecall policy apply`.
///
/// Paths are relative to the folder of the package.
///
/// # Panics
///
/// If the file is missing or has faults, with their lines and columns.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "an assertion of a test")]
pub fn read_policy(file: impl AsRef<Path>) -> Document {
    match read(file.as_ref()) {
        Ok(document) => document,
        Err(fault) => panic!("{fault}"),
    }
}

fn read(file: &Path) -> Result<Document, String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let parsed = Document::parse(&text).map_err(|errors| format!("{name}:\n{errors}"))?;
    Ok(parsed.document)
}

#[cfg(feature = "axum")]
/// Tests the access matrix like [`assert_access_matrix`](super::assert_access_matrix), with the roles of a policy
/// document and all that they hold and inherit.
///
/// ```no_run
/// # fn app(guard: rolecall::Guard) -> rolecall::GuardedRouter { rolecall::GuardedRouter::new(guard) }
/// #[test]
/// fn the_access_matrix_matches_the_reviewed_file() {
///     rolecall::testing::assert_access_matrix_with("access.lock", "policy.toml", app);
/// }
/// ```
///
/// # Panics
///
/// If a file is missing, the document has faults, the matrix has changed, or the router does not behave as it shows.
#[track_caller]
#[expect(clippy::panic, reason = "an assertion of a test")]
pub fn assert_access_matrix_with<S: Clone + Send + Sync + 'static>(
    lock_file: impl AsRef<Path>,
    policy_file: impl AsRef<Path>,
    app: impl FnOnce(Guard) -> GuardedRouter<S>,
) {
    let document = read_policy(policy_file);
    let issuer = super::TestIssuer::new();
    if let Ok(policy) = document.policy() {
        // the guard knows what the roles of the policy need
        issuer.live().set_policy(std::sync::Arc::new(policy));
    }
    match AccessMatrix::of(&app(issuer.guard())).document(&document) {
        Ok(matrix) => matrix.assert(lock_file, |caller| issuer.token_of(caller)),
        Err(error) => panic!("{error}"),
    }
}

impl AccessMatrix {
    /// Uses `document` for the permissions and juniors of each role, and adds a column for each of its roles.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`](rolecall_core::PolicyError) if the document is not valid, which never happens for one that was
    /// parsed.
    pub fn document(mut self, document: &Document) -> Result<Self, rolecall_core::PolicyError> {
        self.policy = Some(document.policy()?);
        let names: Vec<&str> = document.role_names().collect();
        Ok(self.roles(&names))
    }
}

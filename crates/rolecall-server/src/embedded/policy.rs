//! The policy document of an application.

use rolecall_core::{
    RoleName, Timestamp,
    document::{Document, ParsedDocument, Step, TestSubject, UserAssignments, run_tests},
};

use super::EmbeddedBuilder;
use crate::{
    app::App,
    authority::builtin,
    error::ApiError,
    policy::at_start::{self, EditedPolicy, Outcome},
    start_error::StartError,
};

impl EmbeddedBuilder {
    /// Puts a policy document in force at each start: the permissions, roles and constraints of the application, in
    /// TOML, as for `rolecall policy apply`.
    ///
    /// ```
    /// use rolecall_server::Embedded;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rolecall_server::StartError> {
    /// let login = Embedded::builder("sqlite::memory:")
    ///     .policy(
    ///         r#"
    /// [permissions]
    /// "articles:write" = "write articles"
    ///
    /// [roles.editor]
    /// permissions = ["articles:write"]
    ///
    /// [[tests]]
    /// role = "editor"
    /// can = ["articles:write"]
    /// "#,
    ///     ) // or include_str!("../policy.toml")
    ///     .open()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// - The document is checked, and its `[[tests]]` about roles are run, before the database is opened. Tests about
    ///   users are left to `rolecall policy test`.
    /// - The document is the whole policy: roles, permissions and constraints that it lacks are deleted, with the
    ///   assignments of such a role. Roles of [`demo_user`](Self::demo_user), `user` and rolecall's own stay.
    /// - A policy that somebody has edited since, with the API or the command line, is kept, and a warning is logged;
    ///   [`edited_policy`](Self::edited_policy) sets that.
    /// - Nothing is written if the document is in force already. Nodes that start at the same time wait for each other.
    pub fn policy(mut self, document: &str) -> Self {
        self.policy = Some(document.to_owned());
        self
    }

    /// Sets what happens at a start to a policy that somebody has edited since a document was last applied: it is kept
    /// by default.
    pub fn edited_policy(mut self, edited: EditedPolicy) -> Self {
        self.edited_policy = edited;
        self
    }

    /// Parses the policy document and runs its tests.
    pub(super) fn parse_policy(&self) -> Result<Option<ParsedDocument>, StartError> {
        let Some(text) = &self.policy else {
            return Ok(None);
        };
        let parsed = Document::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut parsed = parsed.map_err(|faults| StartError::PolicyDocument(faults.to_string()))?;
        let failures = failed_tests(&parsed)?;
        if !failures.is_empty() {
            return Err(StartError::PolicyTests(failures.join("\n")));
        }
        for (.., roles) in &self.demo_users {
            let roles = roles.iter().filter_map(|role| role.parse().ok());
            let is_own = |role: &RoleName| !role.is_reserved() && !builtin::is_builtin(role);
            for role in roles.filter(is_own) {
                parsed.document.roles.entry(role).or_default();
            }
        }
        Ok(Some(parsed))
    }
}

/// Describes the tests about roles that fail, each with its line and column.
fn failed_tests(parsed: &ParsedDocument) -> Result<Vec<String>, StartError> {
    let document = &parsed.document;
    let policy = document.policy().map_err(ApiError::internal)?;
    let is_about_role = |path: &[Step]| match path.get(1) {
        Some(Step::Index(index)) => document
            .tests
            .get(*index)
            .is_some_and(|test| matches!(test.subject, TestSubject::Role(_))),
        _ => false,
    };
    let failures = run_tests(
        document,
        &policy,
        &UserAssignments::new(),
        Timestamp::default(),
    );
    let failures = failures.iter().filter(|one| is_about_role(&one.path));
    let described = failures.map(|failure| match parsed.positions.get(&failure.path) {
        Some(at) => format!("line {}, column {}: {failure}", at.line, at.column),
        None => failure.to_string(),
    });
    Ok(described.collect())
}

/// Puts the document in force.
pub(super) async fn put_in_force(
    app: &App,
    parsed: &ParsedDocument,
    edited: EditedPolicy,
) -> Result<(), StartError> {
    let outcome = at_start::put_in_force(app, parsed, edited).await;
    let outcome = outcome.map_err(|error| match error {
        ApiError::Document(faults) => StartError::PolicyDocument(faults.to_string()),
        error if error.is_outage() => error.into(),
        error => StartError::Policy(crate::error::chain_of(&error)),
    })?;
    match outcome {
        Outcome::InForce => {}
        Outcome::Applied {
            changes,
            edited_by: None,
        } => tracing::info!(changes, "the application's policy document is in force"),
        Outcome::Applied {
            changes,
            edited_by: Some(by),
        } => tracing::warn!(
            changes,
            by,
            "the application's policy document has replaced an edited policy"
        ),
        Outcome::Kept { changes, edited_by } => tracing::warn!(
            changes,
            by = edited_by,
            "the policy was edited and is kept, so that the application's document is not in force: \
             `rolecall policy plan` shows the difference, `rolecall policy apply` puts the document in force"
        ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embedded;

    const DOCUMENT: &str = "[permissions]\n\"items:read\" = \"\"\n\n[roles.reader]\n";

    fn parse(text: &str) -> Result<Option<ParsedDocument>, StartError> {
        Embedded::builder("sqlite::memory:")
            .policy(text)
            .parse_policy()
    }

    #[test]
    fn a_fault_and_a_failed_test_name_line_and_column() {
        let fault = parse("[roles.reader]\npermissions = [\"items:read\"]");
        let fault = fault.unwrap_err().to_string();
        assert!(
            fault.contains("line 2, column 16: permission `items:read` does not exist"),
            "{fault}"
        );
        let failing = "\n[[tests]]\nrole = \"reader\"\ncannot = []\ncan = [\"items:read\"]\n";
        let failed = parse(&format!("{DOCUMENT}{failing}"));
        let failed = failed.unwrap_err().to_string();
        let expected = "line 9, column 8: role `reader` should have `items:read`";
        assert!(failed.contains(expected), "{failed}");
    }

    #[test]
    fn a_test_about_a_user_is_not_run() {
        let about_user = "\n[[tests]]\nuser = \"anna\"\ncan = [\"items:read\"]\n";
        let parsed = parse(&format!("\u{feff}{DOCUMENT}{about_user}"));
        assert_eq!(parsed.unwrap().unwrap().document.tests.len(), 1);
    }

    #[test]
    fn the_roles_of_demo_users_are_part_of_the_document() {
        let builder = Embedded::builder("sqlite::memory:").policy(DOCUMENT);
        let builder = builder.demo_user("root", "", &["rolecall.admin", "editor", "user"]);
        let parsed = builder.parse_policy().unwrap().unwrap();
        let roles: Vec<&str> = parsed.document.role_names().collect();
        assert_eq!(roles, ["editor", "reader"]);
    }
}

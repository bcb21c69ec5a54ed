//! The roles of users.

use rolecall_core::TenantName;

use super::{AccountError, Accounts, Assigned, Assignment, RoleOfUser, parse_role, storable_id};
use crate::{
    error::{ApiError, FieldError},
    roles::{
        assigning::{Assignee, Validity},
        assignments,
    },
};

/// The assignments that are read at a time.
const AT_ONCE: i64 = 200;

impl Accounts<'_> {
    /// Assigns a role to a user, or replaces the validity of the present assignment: `"editor"`, or an [`Assignment`]
    /// with a tenant, a time or a reason. The user's next token has the role.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rolecall::{Clock, SystemClock};
    /// use rolecall_server::{Assigned, Assignment, Embedded, NewUser};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let login = Embedded::builder("sqlite::memory:")
    ///     .policy("[roles.editor]\ndescription = \"writes articles\"")
    ///     .open()
    ///     .await?;
    /// let users = login.accounts("seed");
    /// let anna = users.create(NewUser::new("anna").role("editor")).await?.user;
    /// let tomorrow = SystemClock.now().plus(Duration::from_hours(24));
    /// let given = users.assign(&anna.id, Assignment::of("editor").in_tenant("acme").until(tomorrow)).await?;
    /// assert_eq!(given, Assigned::InForce);
    /// assert_eq!(users.roles(&anna.id).await?.len(), 2);
    /// users.unassign(&anna.id, "editor", Some("acme")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFound`](super::AccountErrorKind::NotFound) if the user or role does not exist,
    /// [`Conflict`](super::AccountErrorKind::Conflict) if a constraint forbids it, and
    /// [`Invalid`](super::AccountErrorKind::Invalid) for a name or time that cannot be used.
    pub async fn assign(
        &self,
        id: &str,
        role: impl Into<Assignment>,
    ) -> Result<Assigned, AccountError> {
        let given = role.into();
        let (role, tenant) = (
            parse_role(&given.role)?,
            parse_tenant(given.tenant.as_deref())?,
        );
        let validity = Validity {
            valid_from: given.valid_from,
            expires_at: given.expires_at,
            reason: given.reason,
        };
        let (app, assignee) = (&self.app, Assignee::User(storable_id(id)?));
        let tenant = tenant.as_ref();
        let outcome = assignments::assign(app, self.caller(), assignee, &role, tenant, &validity);
        Ok(outcome.await?.into())
    }

    /// Removes a role from a user: the global assignment, or that in a tenant. Guards refuse the user's tokens at once.
    /// An assignment that does not exist is no error.
    ///
    /// # Errors
    ///
    /// [`NotFound`](super::AccountErrorKind::NotFound) if the user does not exist,
    /// [`Conflict`](super::AccountErrorKind::Conflict) for the last administrator.
    pub async fn unassign(
        &self,
        id: &str,
        role: &str,
        tenant: Option<&str>,
    ) -> Result<(), AccountError> {
        let (role, tenant) = (parse_role(role)?, parse_tenant(tenant)?);
        let (app, assignee) = (&self.app, Assignee::User(storable_id(id)?));
        let tenant = tenant.as_ref();
        assignments::unassign(app, self.caller(), assignee, &role, tenant).await?;
        Ok(())
    }

    /// Returns all role assignments of a user, in every tenant, past and future ones included.
    ///
    /// # Errors
    ///
    /// [`NotFound`](super::AccountErrorKind::NotFound) if the user does not exist.
    pub async fn roles(&self, id: &str) -> Result<Vec<RoleOfUser>, AccountError> {
        let (app, assignee) = (&self.app, Assignee::User(storable_id(id)?));
        let mut roles: Vec<RoleOfUser> = Vec::new();
        loop {
            let last = roles.last();
            let after = last.map(|last| {
                let tenant = last.tenant.clone().unwrap_or_default();
                (last.role.clone(), tenant)
            });
            let (role, tenant) = after.unwrap_or_default();
            let place = (role.as_str(), tenant.as_str());
            let page =
                assignments::list(app, self.caller(), assignee, place, None, AT_ONCE).await?;
            let is_last = i64::try_from(page.len()).unwrap_or(i64::MAX) < AT_ONCE;
            roles.extend(page.into_iter().map(RoleOfUser::from));
            if is_last {
                return Ok(roles);
            }
        }
    }
}

fn parse_tenant(tenant: Option<&str>) -> Result<Option<TenantName>, ApiError> {
    tenant.map(str::parse).transpose().map_err(|_| {
        let detail = "tenant is not a name of a tenant";
        ApiError::Invalid(FieldError::body("tenant", "name", detail))
    })
}

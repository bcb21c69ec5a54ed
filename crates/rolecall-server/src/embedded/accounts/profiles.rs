//! Profiles of users, as an application changes them.

use serde_json::Value;

use super::{AccountError, Accounts, User};
use crate::{accounts::service::Changes, profile::input::ProfileInput};

impl Accounts<'_> {
    /// Sets a [profile field](crate::EmbeddedBuilder::profile_field) of a user; `Value::Null` removes the value.
    ///
    /// The application itself may write every field. A caller of a request may write those of administrators.
    ///
    /// ```
    /// use rolecall_server::{Embedded, FieldAccess, NewUser, ProfileField};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = ProfileField::choice("plan", ["free", "pro"]).write(FieldAccess::Nobody);
    /// let login = Embedded::builder("sqlite::memory:").profile_field(plan).open().await?;
    /// let users = login.accounts("billing");
    /// let anna = users.create(NewUser::new("anna").profile("plan", "free")).await?.user;
    /// let anna = users.set_profile(&anna.id, "plan", "pro").await?;
    /// assert_eq!(anna.profile["plan"], "pro");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::Invalid`](super::AccountErrorKind::Invalid) if the field does not exist, may not be written
    /// or has another type, [`AccountErrorKind::NotFound`](super::AccountErrorKind::NotFound) if the user does not exist.
    pub async fn set_profile(
        &self,
        id: &str,
        field: &str,
        value: impl Into<Value>,
    ) -> Result<User, AccountError> {
        let values = [(field.to_owned(), value.into())];
        let changes = Changes {
            profile: ProfileInput(values.into()),
            ..Changes::default()
        };
        self.update(id, &changes).await
    }
}

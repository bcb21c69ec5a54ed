//! Users, for the application that embeds the server: the services of `/api`, without HTTP.

mod error;
mod profiles;
mod roles;
mod types;

use rolecall::Principal;
use rolecall_core::{RoleName, is_unprintable};

pub use self::{
    error::{AccountError, AccountErrorKind},
    types::{
        Assigned, Assignment, CreatedUser, NewUser, ResetCode, RoleOfUser, User, UserPage,
        UserStatus,
    },
};
use super::Embedded;
use crate::{
    accounts::{
        find_service,
        registration::{self, NewAccount},
        reset,
        service::{self, Changes},
    },
    app::App,
    authority::{caller::Caller, subject::Status},
    error::{ApiError, FieldError},
    patch::Patch,
    profile::input::ProfileInput,
};

/// The most characters of the name of a part of an application.
const MAX_PART: usize = 64;

impl Embedded {
    /// Returns the users, on behalf of the application itself, which may do everything. The audit log names `part` as
    /// the actor: `app:seed`.
    ///
    /// ```
    /// use rolecall_server::{Embedded, NewUser};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let login = Embedded::open("sqlite::memory:").await?;
    /// let users = login.accounts("seed");
    /// if users.find_by_name("anna").await?.is_none() {
    ///     let anna = NewUser::new("anna").password("a password that Anna chose");
    ///     let anna = users.create(anna).await?.user;
    ///     users.assign(&anna.id, "user").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Use it for work that no user asked for, such as a seed or a nightly job. For a request, use
    /// [`accounts_for`](Self::accounts_for): otherwise every caller of your route can do what the application can.
    #[must_use]
    pub fn accounts(&self, part: &str) -> Accounts<'static> {
        let part = part
            .chars()
            .filter(|c| !is_unprintable(*c) && !c.is_whitespace());
        Accounts {
            app: self.app().clone(),
            acting: Acting::Application(part.take(MAX_PART).collect()),
        }
    }

    /// Returns the users, on behalf of the caller of a request. All that applies to the caller at `/api` applies here:
    /// the permissions, the delegation limit, the quota, and the audit log names the caller.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use axum::extract::{Path, State};
    /// use rolecall::Require;
    /// use rolecall_server::{AccountError, Embedded};
    /// # rolecall::roles! { mod role { Lead = "lead" } }
    ///
    /// async fn promote(
    ///     caller: Require<role::Lead>,
    ///     State(login): State<Arc<Embedded>>,
    ///     Path(user): Path<String>,
    /// ) -> Result<(), AccountError> {
    ///     login.accounts_for(&caller).assign(&user, "editor").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// The caller needs `rolecall.users:read` to read, `rolecall.users:write` to write, `rolecall.assignments:write` to
    /// assign roles and `rolecall.sessions:revoke` to end sessions, as at `/api`.
    #[must_use]
    pub fn accounts_for<'a>(&self, caller: &'a Principal) -> Accounts<'a> {
        Accounts {
            app: self.app().clone(),
            acting: Acting::Caller(caller),
        }
    }
}

/// Who acts on users.
#[derive(Clone)]
enum Acting<'a> {
    Caller(&'a Principal),
    Application(String),
}

/// Users, on behalf of the application or of a caller: returned by [`Embedded::accounts`] and [`Embedded::accounts_for`].
///
/// Each call is one transaction, and on its return what it changed is on disk and what it took away is refused by the
/// guards of this process.
#[derive(Clone)]
pub struct Accounts<'a> {
    app: App,
    acting: Acting<'a>,
}

impl Accounts<'_> {
    fn caller(&self) -> Caller<'_> {
        match &self.acting {
            Acting::Caller(principal) => Caller::Token(principal),
            Acting::Application(part) => Caller::Application { part },
        }
    }

    /// Finds the user with this id.
    ///
    /// # Errors
    ///
    /// [`AccountError`], if the caller may not read users, for example; this is the same for all methods.
    pub async fn find(&self, id: &str) -> Result<Option<User>, AccountError> {
        let found = find_service::by_id(&self.app, self.caller(), id).await?;
        Ok(found.map(User::from))
    }

    /// Finds the user with this name, in the form in which names are stored: `Anna` finds `anna`.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn find_by_name(&self, username: &str) -> Result<Option<User>, AccountError> {
        let found = service::list(&self.app, self.caller(), "", Some(username), "", 1).await?;
        Ok(found.into_iter().next().map(User::from))
    }

    /// Finds the users with this e-mail address, without regard to case, at most 200. It can belong to several users
    /// unless [`unique_email`](super::EmbeddedBuilder::unique_email) is set.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn find_by_email(&self, email: &str) -> Result<Vec<User>, AccountError> {
        let found = find_service::by_email(&self.app, self.caller(), email).await?;
        Ok(found.into_iter().map(User::from).collect())
    }

    /// Finds the users with these ids, at most 200, ordered by id: for the names beside the rows of your own tables. Ids
    /// that do not exist are left out.
    ///
    /// ```
    /// # use rolecall_server::{Embedded, NewUser};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let login = Embedded::open("sqlite::memory:").await?;
    /// let users = login.accounts("report");
    /// let anna = users.create(NewUser::new("anna")).await?.user;
    /// let found = users.find_all(&[&anna.id, "an id of nobody"]).await?;
    /// assert_eq!(found, [anna]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), and [`AccountErrorKind::Invalid`] for more than 200 ids.
    pub async fn find_all(&self, ids: &[&str]) -> Result<Vec<User>, AccountError> {
        let found = find_service::by_ids(&self.app, self.caller(), ids).await?;
        Ok(found.into_iter().map(User::from).collect())
    }

    /// Returns a page of up to 200 users, ordered by id, whose name or e-mail address contains `search`. `after` is the
    /// [`next`](UserPage::next) of the page before, and empty for the first page.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn page(
        &self,
        search: &str,
        after: &str,
        limit: usize,
    ) -> Result<UserPage, AccountError> {
        refuse_nul("search", search)?;
        refuse_nul("after", after)?;
        let limit = limit.clamp(1, find_service::MOST_USERS);
        let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let (app, caller) = (&self.app, self.caller());
        let mut found = service::list(app, caller, after, None, search, one_more).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let users: Vec<User> = found.into_iter().map(User::from).collect();
        let next = users
            .last()
            .filter(|_| has_more)
            .map(|last| last.id.clone());
        Ok(UserPage { users, next })
    }

    /// Creates a user. Without a password, the result holds a reset code.
    ///
    /// A password that a caller of a request chose must be changed by the user before the first login, unless the
    /// caller may do everything: the caller knows it.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::Conflict`] if the name is taken, [`AccountErrorKind::Invalid`] for a name, password or
    /// address that cannot be used, [`AccountErrorKind::NotFound`] for a role that does not exist.
    pub async fn create(&self, user: NewUser) -> Result<CreatedUser, AccountError> {
        let roles = user.roles.iter().map(|role| parse_role(role));
        let wanted = NewAccount {
            username: &user.username,
            password: user.password.as_deref(),
            email: user.email.as_deref(),
            email_verified: user.email_verified,
            roles: roles.collect::<Result<_, _>>()?,
            profile: ProfileInput(user.profile.clone()),
            address: None,
        };
        let (user, reset) = registration::create(&self.app, self.caller(), &wanted).await?;
        Ok(CreatedUser {
            user: user.into(),
            reset_code: reset.map(ResetCode::from),
        })
    }

    /// Changes the name of a user, and ends the user's sessions.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), and [`AccountErrorKind::NotFound`] if the user does not exist.
    pub async fn rename(&self, id: &str, username: &str) -> Result<User, AccountError> {
        let changes = Changes {
            username: Some(username.to_owned()),
            ..Changes::default()
        };
        self.update(id, &changes).await
    }

    /// Sets the e-mail address of a user, or removes it.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::Invalid`] if it is no address, [`AccountErrorKind::NotFound`] if the user does not exist,
    /// [`AccountErrorKind::Conflict`] if it must be unique and is not.
    pub async fn set_email(&self, id: &str, email: Option<&str>) -> Result<User, AccountError> {
        let email = email.map(str::to_owned);
        let changes = Changes {
            email: email.map_or(Patch::Clear, Patch::Set),
            ..Changes::default()
        };
        self.update(id, &changes).await
    }

    /// Says whether the e-mail address of a user is known to be the user's. With a verified address a user can sign in;
    /// another address is not verified.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::Invalid`] if the user has no address, [`AccountErrorKind::NotFound`] if the user does not
    /// exist, [`AccountErrorKind::Conflict`] if it is the verified address of another user.
    pub async fn set_email_verified(
        &self,
        id: &str,
        is_verified: bool,
    ) -> Result<User, AccountError> {
        let changes = Changes {
            email_verified: Some(is_verified),
            ..Changes::default()
        };
        self.update(id, &changes).await
    }

    /// Disables a user: the user cannot log in, and guards refuse the user's tokens at once.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::NotFound`] if the user does not exist, [`AccountErrorKind::Conflict`] for the last
    /// administrator.
    pub async fn disable(&self, id: &str) -> Result<User, AccountError> {
        self.set_status(id, Status::Disabled).await
    }

    /// Enables a disabled user. One who must still set a password still must.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::NotFound`] if the user does not exist.
    pub async fn enable(&self, id: &str) -> Result<User, AccountError> {
        self.set_status(id, Status::Active).await
    }

    /// Logs a user out everywhere. Guards refuse the user's tokens at once.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::NotFound`] if the user does not exist.
    pub async fn end_sessions(&self, id: &str) -> Result<(), AccountError> {
        let id = storable_id(id)?;
        Ok(service::end_sessions(&self.app, self.caller(), id).await?)
    }

    /// Removes the password of a user, ends the sessions, and returns a code with which the user sets a new one: for a
    /// page of your own for forgotten passwords, which mails it.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::NotFound`] if the user does not exist.
    pub async fn reset_password(&self, id: &str) -> Result<ResetCode, AccountError> {
        let id = storable_id(id)?;
        let code = reset::start(&self.app, self.caller(), id, None).await?;
        Ok(code.into())
    }

    /// Deletes a user with role assignments and sessions. A user who does not exist is no error.
    ///
    /// # Errors
    ///
    /// [`AccountErrorKind::Conflict`] for the last administrator, and if a foreign key of your own tables protects the
    /// user.
    pub async fn delete(&self, id: &str) -> Result<(), AccountError> {
        match storable_id(id) {
            Ok(id) => Ok(service::delete(&self.app, self.caller(), id).await?),
            Err(_) => Ok(()),
        }
    }

    async fn set_status(&self, id: &str, status: Status) -> Result<User, AccountError> {
        let changes = Changes {
            status: Some(status),
            ..Changes::default()
        };
        self.update(id, &changes).await
    }

    async fn update(&self, id: &str, changes: &Changes) -> Result<User, AccountError> {
        let id = storable_id(id)?;
        let user = service::update(&self.app, self.caller(), id, changes).await?;
        Ok(user.into())
    }
}

/// Returns the id, unless no user can have it: PostgreSQL takes no NUL.
fn storable_id(id: &str) -> Result<&str, ApiError> {
    if id.contains('\0') {
        return Err(ApiError::unknown("user", &id));
    }
    Ok(id)
}

fn refuse_nul(field: &str, text: &str) -> Result<(), ApiError> {
    if text.contains('\0') {
        let detail = "NUL characters are not allowed";
        return Err(ApiError::Invalid(FieldError::body(field, "nul", detail)));
    }
    Ok(())
}

fn parse_role(role: &str) -> Result<RoleName, ApiError> {
    role.parse().map_err(|error| {
        let detail = format!("{error}");
        ApiError::Invalid(FieldError::body("role", "name", detail))
    })
}

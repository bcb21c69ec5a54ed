//! Hooks of an application.

use super::EmbeddedBuilder;
use crate::{
    hooks::AccountEvent,
    store::outbox::{Notice, ROLE_LOST},
};

/// Declares the methods of the builder that set a hook.
macro_rules! hooks {
    ($($(#[$about:meta])* $name:ident: $kind:expr;)*) => {
        impl EmbeddedBuilder {
            $($(#[$about])*
            pub fn $name<F, Fut, E>(mut self, hook: F) -> Self
            where
                F: Fn(AccountEvent) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<(), E>> + Send + 'static,
                E: Into<Box<dyn std::error::Error + Send + Sync>>,
            {
                self.hooks.set($kind, hook);
                self
            })*
        }
    };
}

hooks! {
    /// Runs `hook` after a user was created, by registering, by an administrator or by `rolecall user add`. An import of
    /// users does not count.
    ///
    /// Like every hook, it runs after the commit, until it returns `Ok`: at least once for each event, in the order of
    /// the events of a user, and in one process at a time. It has 30 seconds for an attempt, and 20 attempts in about ten
    /// hours; then the event is given up, with an error in the log. A second hook for the same event replaces the first.
    ///
    /// ```
    /// use rolecall_server::{AccountEvent, Embedded};
    ///
    /// async fn greet(event: AccountEvent) -> Result<(), std::io::Error> {
    ///     let name = event.username.as_deref().unwrap_or("somebody who left");
    ///     println!("welcome, {name} ({})", event.user_id);
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rolecall_server::StartError> {
    /// let login = Embedded::builder("sqlite::memory:").on_registered(greet).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    on_registered: Notice::Registered.kind();

    /// Runs `hook` after a user was deleted, as [`on_registered`](Self::on_registered) does: delete what your application
    /// keeps elsewhere. Rows that refer to `users (id)` with `ON DELETE CASCADE` are gone already.
    on_deleted: Notice::Deleted.kind();

    /// Runs `hook` after a user was disabled, as [`on_registered`](Self::on_registered) does. Tokens and sessions of the
    /// user have ended by then.
    on_disabled: Notice::Disabled.kind();

    /// Runs `hook` after a password was changed by its user, by a reset code or on the command line, as
    /// [`on_registered`](Self::on_registered) does.
    on_password_changed: Notice::PasswordChanged.kind();

    /// Runs `hook` after a role was taken from a user or was deleted, as [`on_registered`](Self::on_registered) does. An
    /// assignment that expires by itself is no event, since its end was known before, and neither is what a user loses
    /// by being deleted.
    on_role_lost: ROLE_LOST;
}

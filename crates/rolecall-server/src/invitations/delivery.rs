//! The rules that depend on how the link to an invitation is delivered.

use super::seal::Delivery;
use crate::{
    accounts::{email_store, emails},
    app::App,
    authority::rights::Rights,
    error::ApiError,
    store::Change,
};

/// The `rule` member of the refusal to invite without mail.
pub(crate) const NO_MAIL: &str = "no_mail";

impl Delivery {
    /// Returns the way that links take now.
    pub(super) fn now(app: &App) -> Self {
        if app.settings().mail.is_some() {
            Self::Mailed
        } else {
            Self::Shown
        }
    }

    /// Requires that the inviter may see the link, unless it goes by mail. Whoever has it chooses the password of an active
    /// account, which an inviter to whom the delegation limit applies must not; and the API shows no link.
    pub(super) fn require(self, rights: &Rights, shows_link: bool) -> Result<(), ApiError> {
        let detail = match self {
            Self::Mailed => return Ok(()),
            Self::Shown if !rights.authority.is_unlimited() => {
                "no mail is sent: set `mail.url`; only an administrator without the delegation limit can pass on the link of an \
                 invitation"
            }
            Self::Shown if shows_link => return Ok(()),
            Self::Shown => {
                "no mail is sent: set `mail.url`, or use `rolecall user invite`, which prints the link"
            }
        };
        Err(ApiError::rule(NO_MAIL, detail, Vec::new()))
    }

    /// Requires that a new account can have the address of its invitation, and takes it from others who have not proven it
    /// if the link has.
    pub(super) async fn claim_address(
        self,
        app: &App,
        change: &mut Change<'_>,
        address: &str,
    ) -> Result<(), ApiError> {
        match self {
            Self::Mailed => email_store::take_unverified(app, change, address).await?,
            Self::Shown => emails::refuse_taken(app, change, Some(address), "").await?,
        }
        Ok(())
    }
}

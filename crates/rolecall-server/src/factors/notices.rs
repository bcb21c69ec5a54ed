//! What the owner of an account is told about their factors.

use crate::{
    app::App,
    audit::events,
    error::ApiError,
    mail::notices::{self, Notice},
    store::Conn,
};

/// Something about a factor that its owner must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactorNotice {
    Added,
    Removed,
    /// Those that come with the first factor.
    RecoveryCodesMade,
    /// Those that replace others.
    RecoveryCodesReplaced,
    RecoveryCodeUsed,
    /// So many wrong codes that somebody may know the password.
    ManyWrongCodes,
    /// The counter of a passkey went back: somebody may have copied it, and it was refused.
    PasskeyWentBack,
    /// The same of one that is synced, whose devices count each for itself.
    SyncedPasskeyWentBack,
}

impl FactorNotice {
    /// Returns the kind of the event.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Added => "factor_added",
            Self::Removed => "factor_removed",
            Self::RecoveryCodesMade | Self::RecoveryCodesReplaced => "recovery_codes_made",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::ManyWrongCodes => "second_factor_failed",
            Self::PasskeyWentBack | Self::SyncedPasskeyWentBack => "passkey_went_back",
        }
    }

    /// Returns the mail about it; `None` where another one tells enough, or nothing is wrong.
    const fn mail(self) -> Option<Notice> {
        match self {
            Self::Added => Some(Notice::FactorAdded),
            Self::Removed => Some(Notice::FactorRemoved),
            Self::RecoveryCodesReplaced => Some(Notice::RecoveryCodesReplaced),
            Self::RecoveryCodeUsed => Some(Notice::RecoveryCodeUsed),
            Self::ManyWrongCodes => Some(Notice::ManyWrongCodes),
            Self::PasskeyWentBack => Some(Notice::PasskeyRefused),
            Self::RecoveryCodesMade | Self::SyncedPasskeyWentBack => None,
        }
    }
}

/// Records that something happened to the factors of a user, and writes the mail about it, in the transaction in which it
/// does.
pub(crate) async fn notify(
    conn: &mut Conn,
    app: &App,
    (subject, address): (&str, &str),
    notice: FactorNotice,
    detail: &str,
) -> Result<(), ApiError> {
    events::record_in(conn, app, notice.kind(), subject, address, detail).await?;
    match notice.mail() {
        Some(mail) => notices::queue(app, conn, subject, mail).await,
        None => Ok(()),
    }
}

//! What the owner of an account is told about their factors.

use crate::{app::App, audit::events, error::ApiError, store::Conn};

/// Something about a factor that its owner must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactorNotice {
    Added,
    Removed,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    /// So many wrong codes that somebody may know the password.
    ManyWrongCodes,
    /// The counter of a passkey went back: somebody may have copied it.
    PasskeyWentBack,
}

impl FactorNotice {
    /// Returns the kind of the event.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Added => "factor_added",
            Self::Removed => "factor_removed",
            Self::RecoveryCodesMade => "recovery_codes_made",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::ManyWrongCodes => "second_factor_failed",
            Self::PasskeyWentBack => "passkey_went_back",
        }
    }
}

/// Records that something happened to the factors of a user, in the transaction in which it does.
pub(crate) async fn notify(
    conn: &mut Conn,
    app: &App,
    (subject, address): (&str, &str),
    notice: FactorNotice,
    detail: &str,
) -> Result<(), ApiError> {
    events::record_in(conn, app, notice.kind(), subject, address, detail).await
}

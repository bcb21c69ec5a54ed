//! Notices of what happened to an account, by mail to its owner.

use std::time::Duration;

use super::outbox::{self, NewMail, Values};
use crate::{accounts::store as accounts, app::App, error::ApiError, store::Conn};

/// A notice that could not be sent for this long tells nothing new.
const USEFUL: Duration = Duration::from_hours(24);

/// Something that the owner of an account has to hear of, since it may have been somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Goes to the address before.
    AddressChanged,
    /// A second factor can be used from now on.
    FactorAdded,
    FactorRemoved,
    /// So many wrong codes of a second factor that somebody may know the password.
    ManyWrongCodes,
    /// A sign-in from where the account was never used.
    NewDevice,
    /// The counter of a passkey went back.
    PasskeyRefused,
    PasswordChanged,
    RecoveryCodeUsed,
    /// New recovery codes replace all before.
    RecoveryCodesReplaced,
}

impl Notice {
    /// All notices.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::AddressChanged,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::ManyWrongCodes,
        Self::NewDevice,
        Self::PasskeyRefused,
        Self::PasswordChanged,
        Self::RecoveryCodeUsed,
        Self::RecoveryCodesReplaced,
    ];

    /// Returns the kind under which the mail is stored, and with which its texts begin.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::AddressChanged => "address-changed",
            Self::FactorAdded => "factor-added",
            Self::FactorRemoved => "factor-removed",
            Self::ManyWrongCodes => "many-wrong-codes",
            Self::NewDevice => "new-device",
            Self::PasskeyRefused => "passkey-refused",
            Self::PasswordChanged => "password-changed",
            Self::RecoveryCodeUsed => "recovery-code-used",
            Self::RecoveryCodesReplaced => "recovery-codes-replaced",
        }
    }
}

/// Writes a notice into the outbox, in the transaction of what it tells of: to the proven address of the user, if there is
/// one and mail is sent, in the language in which the user last signed in, since an action on an account is not always by its
/// owner. Notices name the user, and nobody sends strangers a text of their own in our mails.
///
/// Each sort of notice has a limit of its own, so that none keeps another from being sent.
pub(crate) async fn queue(
    app: &App,
    conn: &mut Conn,
    subject: &str,
    notice: Notice,
) -> Result<(), ApiError> {
    queue_with(app, conn, subject, (notice, "")).await
}

/// As [`queue`], with a further detail in words of ours: strangers get no text of their own into our mails.
pub(crate) async fn queue_with(
    app: &App,
    conn: &mut Conn,
    subject: &str,
    (notice, detail): (Notice, &str),
) -> Result<(), ApiError> {
    if app.settings().mail.is_none() {
        return Ok(());
    }
    let user = accounts::find_user(conn, subject, app.now()).await?;
    let Some((user, address)) = user.and_then(|user| {
        let address = user.proven_email()?.to_owned();
        Some((user, address))
    }) else {
        return Ok(());
    };
    if !outbox::count(app, conn, notice.kind(), &address).await? {
        return Ok(());
    }
    let values = Values {
        name: user.username,
        detail: detail.to_owned(),
        ..Values::default()
    };
    let mail = NewMail {
        subject: Some(subject),
        kind: notice.kind(),
        recipient: &address,
        language: None,
        values: &values,
        expires_at: app.database_now().plus(USEFUL),
    };
    outbox::queue(app, conn, &mail).await
}

//! The second factor that a link for a new password asks for, where the account has one: whoever reads the mails of somebody
//! must not get into their account by that alone.
//!
//! A code that was typed has the limits of a sign-in. The challenge of a passkey is the keyed hash of the link and of the
//! number of its tries, so that it counts for one.

use rolecall_passkeys::Challenge;

use super::{reset_error::ResetError, token_store::Purpose, tokens};
use crate::{
    accounts::store::User,
    app::App,
    factors::{
        passkeys::proving::{self, RightAnswer},
        store as factors,
    },
    login::{
        known::Origin,
        password::LoginError,
        second::{self, Checked, TypedCode},
        secret::{self, Kind},
    },
    store::{Change, Conn, gate},
};

/// The second factor that somebody sends along with a link, and where they are.
#[derive(Clone, Copy)]
pub(crate) struct Second<'a> {
    /// A code of an authenticator application, or a recovery code.
    pub(crate) code: &'a str,
    /// The answer of a passkey, as JSON.
    pub(crate) credential: &'a str,
    pub(crate) origin: Origin<'a>,
}

/// What the page of a link asks for beside the password.
pub(crate) struct Asked {
    pub(crate) asks_code: bool,
    /// The options for a passkey, as JSON; empty where there is none that could answer.
    pub(crate) passkey: String,
}

/// A factor that is right, and is not used up yet.
pub(super) enum Proof {
    /// The account had none.
    Nothing,
    Code(Box<Checked>),
    Passkey(Box<RightAnswer>),
}

/// Returns what the page of a link asks for.
pub(super) async fn asked(app: &App, token: &str, user: &User) -> Result<Asked, ResetError> {
    let mut conn = app.store().read().await?;
    let asks_code = !factors::kinds(&mut conn, &user.id).await?.is_empty();
    let tries = tokens::tries(app, &mut conn, Purpose::Reset, token).await?;
    drop(conn);
    let mut passkey = String::new();
    if asks_code {
        let challenge = challenge(app, token, tries.ok_or(ResetError::Ended)?)?;
        let options = proving::options(app, &challenge, Some(&user.id)).await?;
        passkey = options.map_or_else(String::new, |options| options.to_string());
    }
    Ok(Asked { asks_code, passkey })
}

fn challenge(app: &App, token: &str, tries: i64) -> Result<Challenge, ResetError> {
    let page = format!("reset-{token}-{tries}");
    let hash = secret::hash(app, Kind::PasskeyChallenge, &page);
    let challenge = hash.as_deref().and_then(Challenge::parse);
    challenge.ok_or(ResetError::Ended)
}

/// Checks the factor that came with a link. The link stays as it is.
///
/// # Errors
///
/// [`ResetError`] if the account has a factor and this is none of it.
pub(super) async fn check(
    app: &App,
    token: &str,
    user: &User,
    second: &Second<'_>,
) -> Result<Proof, ResetError> {
    let kinds = factors::kinds(&mut app.store().read().await?, &user.id).await?;
    if kinds.is_empty() {
        return Ok(Proof::Nothing);
    }
    if !second.credential.is_empty() {
        return check_passkey(app, token, user, second).await;
    }
    if second.code.is_empty() {
        return Err(ResetError::SecondFactor);
    }
    let checked = second::check(app, &typed(user, second)).await;
    let checked = checked.map_err(|error| match error {
        LoginError::Wrong => ResetError::WrongCode,
        error => ResetError::Failed(error.into()),
    });
    Ok(Proof::Code(Box::new(checked?)))
}

fn typed<'a>(user: &'a User, second: &Second<'a>) -> TypedCode<'a> {
    TypedCode {
        subject: &user.id,
        username: &user.username,
        code: second.code,
        origin: second.origin,
    }
}

async fn check_passkey(
    app: &App,
    token: &str,
    user: &User,
    second: &Second<'_>,
) -> Result<Proof, ResetError> {
    let purpose = Purpose::Reset;
    let tries = tokens::tries(app, &mut app.store().read().await?, purpose, token).await?;
    let tries = tries.ok_or(ResetError::Ended)?;
    // the challenge is spent by this try, right or wrong; of two tries at once, one finds it spent
    let is_first = app
        .store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, &user.id).await?;
            tokens::count_try(app, conn, purpose, (token, tries)).await
        })
        .await?;
    if !is_first {
        return Err(ResetError::WrongPasskey);
    }
    let challenge = challenge(app, token, tries)?;
    let by = (Some(user.id.as_str()), second.origin.address);
    let right = proving::check(app, second.credential, &challenge, by).await?;
    let right = right.ok_or(ResetError::WrongPasskey)?;
    Ok(Proof::Passkey(Box::new(right)))
}

impl Proof {
    /// Uses up the factor, in the transaction that changes the password.
    ///
    /// # Errors
    ///
    /// [`ResetError`] if it was used meanwhile, or the account has a factor since.
    pub(super) async fn spend(
        &self,
        app: &App,
        change: &mut Change<'_>,
        user: &User,
        second: &Second<'_>,
    ) -> Result<(), ResetError> {
        let conn = change.conn();
        gate::hold(conn, &user.id).await?;
        match self {
            Self::Nothing if factors::kinds(conn, &user.id).await?.is_empty() => Ok(()),
            Self::Nothing => Err(ResetError::SecondFactor),
            Self::Code(checked) if checked.spend(app, conn, &typed(user, second)).await? => Ok(()),
            Self::Code(_) => Err(ResetError::WrongCode),
            Self::Passkey(right) if right.record(app, conn, second.origin.address).await? => Ok(()),
            Self::Passkey(_) => Err(ResetError::WrongPasskey),
        }
    }

    /// Counts a code that was right, and was used by another request meanwhile.
    pub(super) async fn count_used(
        &self,
        app: &App,
        user: &User,
        second: &Second<'_>,
    ) -> Result<(), ResetError> {
        if let Self::Code(checked) = self {
            checked.count_used(app, &typed(user, second)).await?;
        }
        Ok(())
    }
}

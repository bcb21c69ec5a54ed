//! Codes in mails that somebody types into a sign-in. They are bound to it, so that a code is worth nothing elsewhere.

use std::time::Duration;

use rolecall_core::Timestamp;
use subtle::ConstantTimeEq as _;

use super::{
    code_store::{self as store, AskedCode, Purpose},
    outbox::{self, NewMail, SIGN_IN_CODE_REQUEST, Values},
    reset::find_user,
    store::{self as mails, Due},
};
use crate::{
    accounts::{naming, store::User},
    app::App,
    authority::subject::Status,
    error::ApiError,
    ids,
    login::{
        known::{Meant, Origin, Slot},
        secret::{self, Kind},
    },
    store::{Conn, gate},
    times::CLOCKS_APART,
    usernames::Username,
};

/// The kind of the mail.
const KIND: &str = "sign-in-code";
/// What mails count as that are asked for at a known device or address, so that strangers cannot use them up.
const ASKED_AT_KNOWN: &str = "sign-in-code at a known device";
const KIND_TO_VERIFY: &str = "verify-code";
/// The time for which a code works.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);
/// The codes that may be typed in one sign-in.
pub(crate) const MOST_TRIES: i64 = 5;

/// Asks for a code for the user who is meant by what somebody typed as a name, to sign in with.
///
/// It writes the same rows whoever is meant, and whether there is such a user or not: the sender looks them up. So neither
/// the answer nor its time tells strangers which accounts there are.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the address of the request, or all strangers together, have asked for too many.
pub(crate) async fn request(
    app: &App,
    flow: &str,
    typed: &str,
    language: &str,
    origin: &Origin<'_>,
) -> Result<(), ApiError> {
    let typed = Some(typed.trim()).filter(|typed| typed.len() <= outbox::MAX_TYPED);
    // nobody has a longer name
    let typed = typed.unwrap_or_default();
    outbox::admit(app, origin.address, typed.len())?;
    let meant = naming::name_meant(app, typed).await?;
    let name = Username::parse(meant.as_deref().unwrap_or(typed)).map(Username::into_string);
    let name = name.as_deref().unwrap_or(typed);
    let account = app.account_of(name);
    let slot = Slot::find(app, &account, Meant::Name(name), origin).await?;
    let asked_at = app.database_now();
    let values = Values {
        name: typed.to_owned(),
        flow: flow.to_owned(),
        asked_at: asked_at.micros(),
        is_known: slot.is_known(),
        // the name that was typed need not be written as the user's
        detail: account.clone(),
        ..Values::default()
    };
    let mail = NewMail {
        subject: None,
        kind: SIGN_IN_CODE_REQUEST,
        recipient: "",
        language: Some(language),
        values: &values,
        expires_at: asked_at.plus(LIFETIME),
    };
    let name = Values {
        name: typed.to_owned(),
        ..Values::default()
    };
    let sealed = outbox::seal(&app.parts().masters, flow, &name)?;
    app.store()
        .write(async |conn: &mut Conn| {
            let asked = (account.as_str(), Some(sealed.as_str()));
            store::ask(conn, (flow, Purpose::SignIn), asked, asked_at).await?;
            outbox::queue(app, conn, &mail).await
        })
        .await?;
    app.parts().mail_now.notify_one();
    Ok(())
}

/// Returns the name that was typed to get a code in a sign-in; `None` if it cannot be decrypted any more.
pub(crate) fn typed_name(app: &App, flow: &str, asked: &AskedCode) -> Option<String> {
    let sealed = asked.typed.as_deref()?;
    outbox::open_sealed(&app.parts().masters, flow, sealed).map(|values| values.name)
}

/// Sends a code to an address that a user has or had, to prove it in a sign-in.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the address got three mails in an hour that somebody asked for.
pub(crate) async fn send_to_verify(
    app: &App,
    conn: &mut Conn,
    flow: &str,
    (user, address): (&User, &str),
    language: &str,
) -> Result<(), ApiError> {
    gate::hold(conn, &user.id).await?;
    if !outbox::count(app, conn, KIND_TO_VERIFY, address).await? {
        return Err(ApiError::TooMany {
            retry_after: outbox::COUNTED,
        });
    }
    let code = ids::digits(8).map_err(ApiError::internal)?;
    let (of, asked_at) = ((flow, Purpose::Verify), app.database_now());
    let hash = hash(app, of, &code).unwrap_or_default();
    let account = app.account_of(&user.username);
    store::ask(conn, of, (&account, None), asked_at).await?;
    store::fill(conn, of, (&account, asked_at), (&user.id, address), &hash).await?;
    // nobody sends strangers a text of their own, such as a name, in our mails
    let name = Some(&user.username).filter(|_| user.proven_email() == Some(address));
    let values = Values {
        name: name.cloned().unwrap_or_default(),
        detail: code,
        ..Values::default()
    };
    let mail = NewMail {
        subject: Some(&user.id),
        kind: KIND_TO_VERIFY,
        recipient: address,
        language: Some(language),
        values: &values,
        expires_at: asked_at.plus(LIFETIME),
    };
    outbox::queue(app, conn, &mail).await
}

/// Looks up the user of a request, and makes the code. `None` if there is nobody to send it to; the request is deleted then.
pub(super) async fn address(app: &App, conn: &mut Conn, due: Due) -> Result<Option<Due>, ApiError> {
    let masters = &app.parts().masters;
    let made = match outbox::open(masters, &due) {
        Some(asked) => make(app, conn, &asked).await?,
        None => None,
    };
    let Some(made) = made else {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    };
    let values = Values {
        name: made.username,
        detail: made.code,
        ..Values::default()
    };
    let due = Due {
        kind: KIND.to_owned(),
        recipient: made.address,
        sealed: outbox::seal(masters, &due.id, &values)?,
        ..due
    };
    mails::address(conn, Some(&made.subject), &due).await?;
    Ok(Some(due))
}

/// A code, and who gets it.
struct Made {
    subject: String,
    username: String,
    address: String,
    code: String,
}

/// Makes a code, and writes its hash where it was asked for.
async fn make(app: &App, conn: &mut Conn, asked: &Values) -> Result<Option<Made>, ApiError> {
    // whoever has to choose a new password does that first
    let found = find_user(app, conn, &asked.name).await?;
    let Some((user, address)) = found.filter(|(user, _)| user.status == Status::Active) else {
        return Ok(None);
    };
    gate::hold(conn, &user.id).await?;
    let sort = if asked.is_known { ASKED_AT_KNOWN } else { KIND };
    if !outbox::count(app, conn, sort, &address).await? {
        return Ok(None);
    }
    let code = ids::digits(8).map_err(ApiError::internal)?;
    let of = (asked.flow.as_str(), Purpose::SignIn);
    let Some(hash) = hash(app, of, &code) else {
        return Ok(None);
    };
    let asked = (
        asked.detail.as_str(),
        Timestamp::from_micros(asked.asked_at),
    );
    let to = (user.id.as_str(), address.as_str());
    // the sign-in may have ended, or got a later code
    let is_awaited = store::fill(conn, of, asked, to, &hash).await?;
    Ok(is_awaited.then_some(Made {
        subject: user.id,
        username: user.username,
        address,
        code,
    }))
}

/// Returns the hash of a code for one sign-in; `None` for what cannot be a code. People type spaces and dashes.
fn hash(app: &App, (flow, purpose): (&str, Purpose), typed: &str) -> Option<String> {
    let is_gap = |c: char| c.is_whitespace() || c == '-';
    let code: String = typed.chars().filter(|c| !is_gap(*c)).take(9).collect();
    let is_code = code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit());
    let kind = match purpose {
        Purpose::SignIn => Kind::SignInCode,
        Purpose::Verify => Kind::VerifyCode,
    };
    let bound = format!("{flow}-{code}");
    is_code.then(|| secret::hash(app, kind, &bound)).flatten()
}

/// A code that is right, and is not used up yet.
pub(crate) struct RightCode {
    pub(crate) subject: String,
    pub(crate) address: String,
    hash: String,
}

impl RightCode {
    /// Uses up the code, in the transaction that uses it; false if it was used before.
    pub(crate) async fn spend(
        &self,
        conn: &mut Conn,
        of: (&str, Purpose),
    ) -> Result<bool, ApiError> {
        Ok(store::spend(conn, of, &self.hash).await?)
    }
}

/// Compares what was typed with the code that was asked for.
pub(crate) fn check(
    app: &App,
    of: (&str, Purpose),
    asked: AskedCode,
    typed: &str,
) -> Option<RightCode> {
    let now = app.database_now();
    let typed = hash(app, of, typed)?;
    let (subject, address, hash) = (asked.subject_id?, asked.address?, asked.hash?);
    let is_same = bool::from(hash.as_bytes().ct_eq(typed.as_bytes()));
    let made_at = asked.made_at?;
    // a clock set back must not make it last longer
    let is_live = now < made_at.plus(LIFETIME) && now.plus(CLOCKS_APART) >= made_at;
    (is_same && is_live).then_some(RightCode {
        subject,
        address,
        hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_code_is_bound_to_its_sign_in_and_purpose() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let code = |of, typed: &str| hash(app, of, typed);
        let right = code(("flow", Purpose::SignIn), "12345678");
        for typed in ["1234 5678", " 1234-5678 ", "12 34 56 78"] {
            assert_eq!(code(("flow", Purpose::SignIn), typed), right, "{typed}");
        }
        assert_ne!(code(("flow", Purpose::Verify), "12345678"), right);
        assert_ne!(code(("other", Purpose::SignIn), "12345678"), right);
        for typed in [
            "",
            "1234567",
            "123456789",
            "1234567a",
            "１２３４５６７８",
            "%00000000",
        ] {
            assert_eq!(code(("flow", Purpose::SignIn), typed), None, "{typed}");
        }
    }
}

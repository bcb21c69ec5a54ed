//! Writes mails into the outbox, and reads what they are made of.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::{self, Due, NewRow};
use crate::{
    accounts::language_store,
    app::App,
    error::ApiError,
    ids,
    store::{Conn, StoreError},
    throttle::Room,
    times::CLOCKS_APART,
    usernames::folded,
    vault::{MasterKey, MasterKeys, VaultError},
};

/// The purpose of the key with which values are encrypted.
const PURPOSE: &str = "mail";
/// The time in which one address gets three mails of a sort at most.
pub(crate) const COUNTED: Duration = Duration::from_hours(1);
/// Begins the input of the hash of an address. No user name begins with this byte, and the same key hashes those.
const COUNT_CONTEXT: &[u8] = b"\xffrolecall mails to an address\0";

/// The kind of a mail that asks for a look-up before it is a mail: the answer to a stranger must take as long whether there
/// is an account or not.
pub(crate) const RESET_REQUEST: &str = "reset_request";

/// As [`RESET_REQUEST`], for somebody who signs up.
pub(crate) const SIGN_UP_REQUEST: &str = "sign_up_request";

/// As [`RESET_REQUEST`], for a code to sign in with.
pub(crate) const SIGN_IN_CODE_REQUEST: &str = "sign_in_code_request";

/// The values that a mail is made of. All of them are shown as text.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Values {
    /// The name of the user.
    pub(crate) name: String,
    /// The secret of a link, without the address of the page.
    pub(crate) token: String,
    /// A further detail, such as a masked address.
    pub(crate) detail: String,
    /// The name of the page that a link leads to.
    pub(crate) page: String,
    /// The sign-in that the mail is about; empty for none.
    pub(crate) flow: String,
    /// When a code was asked for in it.
    pub(crate) asked_at: i64,
    /// It was asked for at a device or address from which the account was used before.
    pub(crate) is_known: bool,
}

/// A mail to write into the outbox.
pub(crate) struct NewMail<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) recipient: &'a str,
    /// `None` for the language that is known of the user, or else the default.
    pub(crate) language: Option<&'a str>,
    pub(crate) values: &'a Values,
    pub(crate) expires_at: Timestamp,
}

/// Writes a mail into the outbox, in the transaction of what it tells of. The sender finds it after the commit.
///
/// Does nothing if no mail is sent.
pub(crate) async fn queue(app: &App, conn: &mut Conn, mail: &NewMail<'_>) -> Result<(), ApiError> {
    if app.settings().mail.is_none() {
        return Ok(());
    }
    let now = app.database_now();
    let id = ids::new_id(app.now()).map_err(ApiError::internal)?;
    let sealed = seal(&app.parts().masters, &id, mail.values)?;
    let known = match mail.subject {
        Some(subject) if mail.language.is_none() => language_store::find(conn, subject).await?,
        _ => None,
    };
    let row = NewRow {
        id: &id,
        subject: mail.subject,
        kind: mail.kind,
        recipient: mail.recipient,
        language: mail.language.or(known.as_deref()).unwrap_or_default(),
        sealed: &sealed,
        created_at: now,
        expires_at: mail.expires_at,
    };
    store::insert(conn, &row).await?;
    Ok(())
}

/// The bytes of mails that strangers may ask for at once: ten thousand.
const ROOM: u32 = 8 * 1024 * 1024;

/// Returns the room for the mails that strangers ask for. Requests that lead to no mail are gone within seconds.
pub(crate) const fn room() -> Room {
    Room::new(ROOM, Duration::from_mins(5))
}

/// The bytes of a request for a mail beside what was typed.
const REQUEST: usize = 512;
/// The longest name or address that a request keeps.
pub(crate) const MAX_TYPED: usize = 256;

/// Lets somebody at `source` ask for a mail by typing so many bytes.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the address, or all strangers together, have asked for too many.
pub(crate) fn admit(app: &App, source: &str, typed: usize) -> Result<(), ApiError> {
    let parts = app.parts();
    let now = parts.clock.monotonic();
    let of_source = parts.asking_addresses.take(source, now);
    match of_source.or_else(|| parts.room_for_mails.take(REQUEST + typed, now)) {
        Some(retry_after) => Err(ApiError::TooMany { retry_after }),
        None => Ok(()),
    }
}

/// Encrypts the values of the mail `id`. A copy of the database must not open accounts.
pub(crate) fn seal(masters: &MasterKeys, id: &str, values: &Values) -> Result<String, ApiError> {
    let text = serde_json::to_vec(values).map_err(ApiError::internal)?;
    let text = zeroize::Zeroizing::new(text);
    let sealed = masters
        .current()
        .map(|key| key.seal(PURPOSE, id.as_bytes(), &text));
    let sealed = sealed.unwrap_or(Err(VaultError::Seal));
    sealed.map_err(ApiError::internal)
}

/// Decrypts the values of a mail, which another node may have sealed with the key before or after a rotation.
pub(crate) fn open(masters: &MasterKeys, due: &Due) -> Option<Values> {
    open_sealed(masters, &due.id, &due.sealed)
}

/// As [`open`], for values that were sealed for `id`.
pub(super) fn open_sealed(masters: &MasterKeys, id: &str, sealed: &str) -> Option<Values> {
    let opened = masters
        .all()
        .find_map(|key| key.open(PURPOSE, id.as_bytes(), sealed).ok())?;
    serde_json::from_slice(&opened).ok()
}

/// Encrypts the mails that wait with another master key, and returns their number and the ids of those that the old key does
/// not open. These stay as they are.
pub(crate) async fn reseal_all(
    conn: &mut Conn,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<(usize, Vec<String>), ApiError> {
    let (mut count, mut unreadable) = (0, Vec::new());
    for (id, sealed) in store::list_sealed(conn).await? {
        let Ok(plain) = old.open(PURPOSE, id.as_bytes(), &sealed) else {
            unreadable.push(id);
            continue;
        };
        let sealed = new.seal(PURPOSE, id.as_bytes(), &plain);
        store::reseal(conn, &id, &sealed.map_err(ApiError::internal)?).await?;
        count += 1;
    }
    Ok((count, unreadable))
}

/// Counts a mail of a sort to an address. Returns false if the address has had three of them in an hour: then none may be
/// sent, and whatever it would replace must stay.
///
/// Each kind of mail is a sort of its own: whoever asks for mails of one kind keeps nobody from those of another.
pub(crate) async fn count(
    app: &App,
    conn: &mut Conn,
    sort: &str,
    address: &str,
) -> Result<bool, StoreError> {
    let address = folded(address);
    let message = [COUNT_CONTEXT, sort.as_bytes(), b"\0", address.as_bytes()].concat();
    let key = hmac::sign(&app.parts().account_key, &message);
    let key = URL_SAFE_NO_PAD.encode(key.as_ref());
    let now = app.database_now();
    // a mail that a clock ahead has sent does not count
    let times = (now.minus(COUNTED), now.plus(CLOCKS_APART));
    store::count(conn, &key, now, times).await
}

/// Deletes up to `limit` rows that are of no use any more, and returns their number.
pub(crate) async fn prune(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let mails = store::prune(conn, now.minus(KEPT), limit).await?;
    let counts = store::prune_counts(conn, now.minus(COUNTED), limit).await?;
    let links = super::token_store::prune(conn, now, limit).await?;
    // a run ends with a batch that is not full
    Ok(mails.max(counts).max(links))
}

/// The time for which mails are kept that could not be sent, for `doctor`.
const KEPT: Duration = Duration::from_hours(7 * 24);

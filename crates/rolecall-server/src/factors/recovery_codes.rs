//! Recovery codes: what opens an account whose other factors are lost. Each works once.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::store;
use crate::{
    app::App,
    error::ApiError,
    ids,
    store::{Conn, StoreError},
};

/// The codes that an account gets at once.
pub(crate) const COUNT: usize = 10;
/// The letters of a code, 5 bits each.
const LETTERS: usize = 10;
/// A sign-in that rests on a recovery code names this among its factors.
pub(crate) const CREDENTIAL: &str = "recovery";

/// Begins the input of the MAC; no user name begins with this byte, and the same key signs user names.
const CONTEXT: &[u8] = b"\xffrolecall recovery code\0";

/// Makes new codes of an account, which replace all before, and returns them: they are shown once.
pub(super) async fn replace(
    app: &App,
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<String>, ApiError> {
    store::delete_codes(conn, subject).await?;
    let mut codes = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let code = ids::new_spoken_code(LETTERS).map_err(ApiError::internal)?;
        if let Some(hash) = hash(app, subject, &code) {
            store::insert_code(conn, subject, &hash).await?;
        }
        codes.push(code);
    }
    Ok(codes)
}

/// Returns the hash under which the database knows a code as it was typed; `None` for what cannot be one.
pub(crate) fn hash(app: &App, subject: &str, typed: &str) -> Option<String> {
    let code = ids::canonical_code(typed, LETTERS)?;
    let message = [CONTEXT, subject.as_bytes(), b"\0", code.as_bytes()].concat();
    let tag = hmac::sign(&app.parts().account_key, &message);
    Some(URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Uses up a code; false if it was used before.
pub(crate) async fn spend(conn: &mut Conn, subject: &str, hash: &str) -> Result<bool, StoreError> {
    store::spend_code(conn, subject, hash).await
}

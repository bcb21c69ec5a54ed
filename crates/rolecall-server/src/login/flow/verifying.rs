//! The step in which somebody proves that the address of their account is theirs, with a code that is sent to it: where a
//! verified address is asked for, and before the first factor is added.

use serde_json::json;

use super::{
    kept::{find, page_of, write_step},
    mailed::with_code,
    owed::Due,
    pending::{address_in, due},
    proof::Proof,
    service::advance,
    step::{FlowError, Next, Step, Visitor},
    store::{self as flows, Flow},
};
use crate::{
    accounts::{
        emails,
        store::{self as accounts, User},
    },
    app::App,
    audit::events,
    authority::{caller::Caller, subject::Status},
    error::ApiError,
    login::{browser::service as browsers, known::Slot},
    mail::{
        code_store::{self as codes, Purpose},
        codes::{RightCode, send_to_verify},
    },
    store::{Change, Conn, gate},
};

/// Returns the step, with the address of the user.
pub(super) async fn step(app: &App, flow: &Flow, username: String) -> Result<Step, FlowError> {
    let mut conn = app.store().read().await?;
    let user = user_of(app, &mut conn, flow).await?;
    let address = address_in(app, &mut conn, flow).await?.unwrap_or_default();
    let asked = codes::find(&mut conn, (&flow.id, Purpose::Verify)).await?;
    Ok(Step::Verify {
        username,
        address: masked(&address),
        is_former: user.email.as_deref() != Some(address.as_str()),
        is_asked: asked.is_some(),
    })
}

async fn user_of(app: &App, conn: &mut Conn, flow: &Flow) -> Result<User, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    let user = accounts::find_user(conn, subject, app.now()).await?;
    let user = user.filter(|user| user.status == Status::Active);
    user.ok_or(FlowError::Ended)
}

/// Returns an address in which all but the first letter and the domain is hidden.
fn masked(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}\u{2026}@{domain}")
}

/// Sends a code to the address that is due. A form for another step sends none.
pub(crate) async fn send(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    language: &str,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    if due(app, &flow).await? != Due::Address {
        return page_of(&flow, visitor);
    }
    // the flow is to last as long as the code
    write_step(app, &mut flow).await?;
    let sent = app
        .store()
        .write(async |conn: &mut Conn| {
            let user = user_of(app, conn, &flow).await?;
            let address = address_in(app, conn, &flow).await?;
            let address = address.ok_or(FlowError::Ended)?;
            send_to_verify(app, conn, &flow.id, (&user, &address), language).await?;
            Ok::<_, FlowError>(())
        })
        .await;
    sent?;
    app.parts().mail_now.notify_one();
    page_of(&flow, visitor)
}

/// Checks a code, and goes on if it is right. A form for another step shows the step that is due.
pub(crate) async fn prove(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    code: &str,
) -> Result<Next, FlowError> {
    let flow = find(app, id, visitor).await?;
    let of = (flow.id.as_str(), Purpose::Verify);
    let asked = codes::find(&mut app.store().read().await?, of).await?;
    if due(app, &flow).await? != Due::Address || asked.is_none() {
        return page_of(&flow, visitor);
    }
    let purpose = Purpose::Verify;
    let (flow, device) = with_code(app, &flow, purpose, visitor, code, async |slot, right| {
        keep(app, &flow, visitor, (slot, right)).await
    })
    .await?;
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, device).await
}

/// Writes the proof into the flow, and that the address is verified if it is the present one, in the transaction that uses
/// up the code. `None` if the account has changed meanwhile.
async fn keep(
    app: &App,
    flow: &Flow,
    visitor: &Visitor<'_>,
    of: (&Slot, &RightCode),
) -> Result<Option<(Flow, Option<String>)>, FlowError> {
    let (slot, right) = of;
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    if right.subject != subject {
        return Ok(None);
    }
    let mut proven = flow.clone();
    proven.proofs.add(Proof::address(&right.address, app.now()));
    let user = user_of(app, &mut app.store().read().await?, flow).await?;
    let kept = if is_to_verify(&user, right) {
        let caller = Caller::As { user_id: subject };
        app.change_as(caller, async |change: &mut Change<'_>| {
            let user = keep_in(app, change.conn(), &proven, visitor, of).await?;
            if let Some(user) = user.as_ref().filter(|user| is_to_verify(user, right)) {
                verify(app, change, user).await?;
            }
            Ok::<_, FlowError>(user)
        })
        .await?
    } else {
        app.store()
            .write(async |conn: &mut Conn| keep_in(app, conn, &proven, visitor, of).await)
            .await?
    };
    if kept.is_none() {
        return Ok(None);
    }
    proven.version += 1;
    let token = match due(app, &proven).await? {
        Due::Nothing => slot.device_of_login(app).map_err(ApiError::internal)?.1,
        _ => None,
    };
    Ok(Some((proven, token)))
}

/// Returns true if the code proves the present address of a user, which nobody has proven yet.
fn is_to_verify(user: &User, right: &RightCode) -> bool {
    user.proven_email().is_none() && user.email.as_deref() == Some(right.address.as_str())
}

/// Uses up the code, and returns the user whose address it proves; `None` if another one is due by now.
async fn keep_in(
    app: &App,
    conn: &mut Conn,
    proven: &Flow,
    visitor: &Visitor<'_>,
    (slot, right): (&Slot, &RightCode),
) -> Result<Option<User>, FlowError> {
    let (subject, now) = (right.subject.as_str(), app.now());
    gate::hold(conn, subject).await?;
    let user = user_of(app, conn, proven).await?;
    if address_in(app, conn, proven).await?.as_ref() != Some(&right.address)
        || slot.failures(conn).await?.is_locked()
        || !right.spend(conn, (&proven.id, Purpose::Verify)).await?
    {
        return Ok(None);
    }
    if !flows::update(conn, proven, now).await? {
        return Err(FlowError::Ended);
    }
    slot.succeed(app, conn, subject).await?;
    let detail = "address proven in a browser";
    events::record_in(conn, app, "log_in", subject, visitor.origin.address, detail).await?;
    Ok(Some(user))
}

async fn verify(app: &App, change: &mut Change<'_>, user: &User) -> Result<(), ApiError> {
    let (now, id, address) = (change.now(), user.id.as_str(), user.email.as_deref());
    emails::refuse_verified(change, address, Some(now), id).await?;
    emails::refuse_taken(app, change, address, id).await?;
    let after = User {
        email_verified_at: Some(now),
        email_verified_by: None,
        ..user.clone()
    };
    accounts::update_user(change, &after).await?;
    change.record(json!({ "action": "user.email_verified", "subject": id, "means": "mail_code" }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_address_is_masked_but_for_its_beginning_and_domain() {
        for (address, shown) in [
            ("alice@example.com", "a\u{2026}@example.com"),
            ("a@b.example", "a\u{2026}@b.example"),
            ("\"x@y\"@b.example", "\"\u{2026}@b.example"),
            ("", "\u{2026}@"),
        ] {
            assert_eq!(masked(address), shown);
        }
    }
}

//! Sign-up: strangers invite themselves to an address, which is proven before there is an account.

use std::collections::BTreeSet;

use rolecall_core::RoleName;
use serde_json::json;

use super::{
    seal::{self, Delivery},
    store::{self, Invitation},
};
use crate::{
    accounts::email_store,
    app::App,
    error::{ApiError, FieldError},
    ids,
    login::{
        flow::{kept, step::Visitor},
        secret::{self, Kind},
    },
    mail::{
        outbox::{self, NewMail, SIGN_UP_REQUEST, Values},
        recipients,
        store::{self as mails, Due},
    },
    roles::open_roles,
    store::Conn,
    usernames::folded,
};

/// The kinds of the mails: with a link, and to somebody who has an account.
const KIND: &str = "sign-up";
const KNOWN: &str = "sign-up-known";
/// The name of whoever invited, for somebody who signs up.
pub(super) const BY_SIGN_UP: &str = "system";

/// Returns true if people can sign up by a page: registration is open, and mails are sent that prove the addresses.
pub(crate) fn is_offered(app: &App) -> bool {
    app.settings().registration_open && app.settings().registration_by_mail()
}

/// Asks for a link to an address, with which an account can be made.
///
/// It writes the same row whether there is an account with the address or not: the sender finds out, and the mail says it.
/// The link leads back to the sign-in `flow` if it is one of this browser, and nothing that somebody typed gets into it.
///
/// # Errors
///
/// Refused for a text that is no address, or whose domain the configuration does not list; and
/// [`ApiError::TooMany`].
pub(crate) async fn request(
    app: &App,
    typed: &str,
    language: &str,
    (flow, visitor): (&str, &Visitor<'_>),
) -> Result<(), ApiError> {
    let source = visitor.origin.address;
    let Some(settings) = app.settings().mail.as_ref().filter(|_| is_offered(app)) else {
        return Err(ApiError::Forbidden("Registration is closed"));
    };
    let address = recipients::parse(typed.trim())?;
    check_domain(&app.settings().registration_domains, &address)?;
    outbox::admit(app, source, address.len())?;
    let mut values = Values {
        name: address,
        ..Values::default()
    };
    if kept::is_live(app, flow, visitor).await? {
        flow.clone_into(&mut values.flow);
    }
    let mail = NewMail {
        subject: None,
        kind: SIGN_UP_REQUEST,
        recipient: "",
        language: Some(language),
        values: &values,
        expires_at: app.database_now().plus(settings.lifetimes.verify),
    };
    app.store()
        .write(async |conn: &mut Conn| outbox::queue(app, conn, &mail).await)
        .await?;
    app.parts().mail_now.notify_one();
    Ok(())
}

/// Refuses an address whose domain is none of those that are listed; all are if none is.
pub(crate) fn check_domain(domains: &[String], address: &str) -> Result<(), ApiError> {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_listed = |listed: &String| listed.eq_ignore_ascii_case(domain);
    if domains.is_empty() || domains.iter().any(is_listed) {
        return Ok(());
    }
    let msg = format!("use an address at {}", domains.join(", "));
    Err(ApiError::Invalid(FieldError::body("email", "domain", msg)))
}

/// Looks up who has the address of a request, and makes the link. `None` if nothing is to be sent; the request is deleted
/// then.
pub(crate) async fn address(app: &App, conn: &mut Conn, due: Due) -> Result<Option<Due>, ApiError> {
    let masters = &app.parts().masters;
    let asked = outbox::open(masters, &due);
    let (Some(asked), Some(settings)) = (asked, &app.settings().mail) else {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    };
    let address = asked.name;
    let is_known = email_store::is_email_verified(conn, &address, "").await?;
    let kind = if is_known { KNOWN } else { KIND };
    if !outbox::count(app, conn, kind, &address).await? {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    }
    let mut values = Values::default();
    let now = app.database_now();
    let expires_at = now.plus(settings.lifetimes.verify);
    if !is_known {
        let invitation = Invitation {
            id: ids::new_id(app.now()).map_err(ApiError::internal)?,
            address: address.clone(),
            roles: json!([]).to_string(),
            tenant: String::new(),
            invited_by: BY_SIGN_UP.to_owned(),
            created_at: now,
            expires_at,
        };
        let token = seal::new_token(app, &invitation, Delivery::Mailed)?;
        let hash = secret::hash(app, Kind::Invitation, &token).unwrap_or_default();
        let key = folded(&address);
        // an invitation by a person stays
        store::replace_own(conn, (&hash, &key), &invitation, BY_SIGN_UP).await?;
        values.token = token;
        values.flow = asked.flow;
        "invite".clone_into(&mut values.page);
    }
    let due = Due {
        kind: kind.to_owned(),
        recipient: address,
        sealed: outbox::seal(masters, &due.id, &values)?,
        expires_at,
        ..due
    };
    mails::address(conn, None, &due).await?;
    Ok(Some(due))
}

/// Returns the roles of somebody who signs up; `None` if nobody can any more.
pub(super) async fn roles(app: &App) -> Result<Option<BTreeSet<RoleName>>, ApiError> {
    if !app.settings().registration_open {
        return Ok(None);
    }
    if let Some(error) = open_roles::violation(app).await? {
        tracing::error!(%error, "registration would give away permissions of rolecall's own");
        return Ok(None);
    }
    Ok(Some(app.settings().registration_roles.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_listed_as_a_whole_or_not_at_all() {
        let domains = ["example.com".to_owned(), "example.org".to_owned()];
        for (address, is_listed) in [
            ("a@example.com", true),
            ("a@EXAMPLE.org", true),
            ("a@sub.example.com", false),
            ("a@notexample.com", false),
            ("a@example.com.evil.example", false),
            ("example.com@evil.example", false),
        ] {
            assert_eq!(
                check_domain(&domains, address).is_ok(),
                is_listed,
                "{address}"
            );
            assert!(check_domain(&[], address).is_ok());
        }
    }
}

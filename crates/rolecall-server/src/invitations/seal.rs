//! The seal of an invitation, in its link: a MAC of what the invitation says, and of the way that the link takes.
//!
//! Somebody who can edit the database must not be able to change the roles of an invitation, who sent it, or its end. The
//! database holds neither links nor the key that makes them.

use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::store::Invitation;
use crate::{
    app::App,
    error::ApiError,
    login::secret::{self, Kind},
};

/// The way that the link to an invitation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// By mail: whoever has the link reads the mails to the address.
    Mailed,
    /// Shown to the inviter, which proves nothing about the address.
    Shown,
}

/// Returns a new secret for the link to an invitation, which ends in its seal.
pub(super) fn new_token(
    app: &App,
    invitation: &Invitation,
    delivery: Delivery,
) -> Result<String, ApiError> {
    let secret = secret::generate()?;
    Ok(format!("{secret}{}", seal(app, invitation, delivery)))
}

/// Returns the way that a link has taken; `None` if it is not sealed for what the invitation says.
pub(super) fn delivery(app: &App, invitation: &Invitation, token: &str) -> Option<Delivery> {
    let ways = [Delivery::Mailed, Delivery::Shown];
    ways.into_iter().find(|way| {
        let seal = seal(app, invitation, *way);
        let end = token.len().saturating_sub(seal.len());
        let end = token.as_bytes().get(end..).unwrap_or_default();
        bool::from(end.ct_eq(seal.as_bytes()))
    })
}

/// Returns the secret with a seal for an invitation whose times have changed, in place of that for `before`; `None` if it
/// has none for that.
pub(super) fn renewed(
    app: &App,
    before: &Invitation,
    invitation: &Invitation,
    token: &str,
) -> Option<String> {
    let seal = seal(app, invitation, delivery(app, before, token)?);
    let secret = token.get(..token.len().checked_sub(seal.len())?)?;
    Some(format!("{secret}{seal}"))
}

fn seal(app: &App, invitation: &Invitation, delivery: Delivery) -> String {
    let Invitation {
        id,
        address,
        roles,
        tenant,
        invited_by,
        created_at,
        expires_at,
    } = invitation;
    let times = [created_at.micros(), expires_at.micros()];
    let is_mailed = delivery == Delivery::Mailed;
    let row = json!([id, address, roles, tenant, invited_by, times, is_mailed]);
    secret::seal(app, Kind::InvitationSeal, &row)
}

#[cfg(test)]
mod tests {
    use rolecall_core::Timestamp;

    use super::*;

    #[tokio::test]
    async fn y524_a_link_is_for_what_its_invitation_said() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let invitation = Invitation {
            id: "1".to_owned(),
            address: "guest@mail.example".to_owned(),
            roles: "[]".to_owned(),
            tenant: String::new(),
            invited_by: "user:helpdesk".to_owned(),
            created_at: Timestamp::from_seconds(1),
            expires_at: Timestamp::from_seconds(2),
        };
        let shown = new_token(app, &invitation, Delivery::Shown).unwrap();
        assert_eq!(delivery(app, &invitation, &shown), Some(Delivery::Shown));
        let token = new_token(app, &invitation, Delivery::Mailed).unwrap();
        assert_eq!(delivery(app, &invitation, &token), Some(Delivery::Mailed));
        // a sender may move its times
        let moved = Invitation {
            created_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1),
            ..invitation.clone()
        };
        assert_eq!(renewed(app, &moved, &invitation, &token), None);
        let again = renewed(app, &invitation, &moved, &token).unwrap();
        assert_eq!(delivery(app, &moved, &again), Some(Delivery::Mailed));
        assert_eq!(delivery(app, &invitation, &again), None);
        assert_eq!(again[..43], token[..43]);
        for edit in [
            |one: &mut Invitation| one.id = "2".to_owned(),
            |one: &mut Invitation| one.address = "other@mail.example".to_owned(),
            |one: &mut Invitation| one.roles = "[\"rolecall.admin\"]".to_owned(),
            |one: &mut Invitation| one.tenant = "acme".to_owned(),
            |one: &mut Invitation| one.invited_by = "user:root".to_owned(),
            |one: &mut Invitation| one.created_at = Timestamp::from_seconds(0),
            |one: &mut Invitation| one.expires_at = Timestamp::from_seconds(9),
        ] {
            let mut edited = invitation.clone();
            edit(&mut edited);
            assert_eq!(delivery(app, &edited, &token), None, "{edited:?}");
        }
        for wrong in ["", "x", &token[..43], &token[1..]] {
            let is_sealed = delivery(app, &invitation, wrong).is_some();
            assert_eq!(is_sealed, wrong.len() == 85, "{wrong}");
        }
    }
}

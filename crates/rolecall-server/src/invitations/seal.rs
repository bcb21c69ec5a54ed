//! The seal of an invitation, in its link: a MAC of what the invitation says.
//!
//! Somebody who can edit the database must not be able to change the roles of an invitation, or who sent it. The database
//! holds neither links nor the key that makes them.

use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::store::Invitation;
use crate::{
    app::App,
    error::ApiError,
    login::secret::{self, Kind},
};

/// Returns a new secret for the link to an invitation, which ends in its seal.
pub(super) fn new_token(app: &App, invitation: &Invitation) -> Result<String, ApiError> {
    Ok(format!("{}{}", secret::generate()?, seal(app, invitation)))
}

/// Returns true if a link is sealed for what the invitation says.
pub(super) fn is_of(app: &App, invitation: &Invitation, token: &str) -> bool {
    let seal = seal(app, invitation);
    let end = token.len().saturating_sub(seal.len());
    let end = token.as_bytes().get(end..).unwrap_or_default();
    bool::from(end.ct_eq(seal.as_bytes()))
}

fn seal(app: &App, invitation: &Invitation) -> String {
    let Invitation {
        id,
        address,
        roles,
        tenant,
        invited_by,
        created_at: _,
        expires_at: _,
    } = invitation;
    let row = json!([id, address, roles, tenant, invited_by]);
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
        let token = new_token(app, &invitation).unwrap();
        assert!(is_of(app, &invitation, &token));
        // a sender may move its times
        let later = Invitation {
            expires_at: Timestamp::from_seconds(9),
            ..invitation.clone()
        };
        assert!(is_of(app, &later, &token));
        for edit in [
            |one: &mut Invitation| one.id = "2".to_owned(),
            |one: &mut Invitation| one.address = "other@mail.example".to_owned(),
            |one: &mut Invitation| one.roles = "[\"rolecall.admin\"]".to_owned(),
            |one: &mut Invitation| one.tenant = "acme".to_owned(),
            |one: &mut Invitation| one.invited_by = "user:root".to_owned(),
        ] {
            let mut edited = invitation.clone();
            edit(&mut edited);
            assert!(!is_of(app, &edited, &token), "{edited:?}");
        }
        for wrong in ["", "x", &token[..43], &token[1..]] {
            let is_sealed = is_of(app, &invitation, wrong);
            assert_eq!(is_sealed, wrong.len() == 85, "{wrong}");
        }
    }
}

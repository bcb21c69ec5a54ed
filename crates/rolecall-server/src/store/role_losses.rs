//! Clients whose tokens end when a role loses something, although the tokens need not carry the name of that role.

use std::collections::BTreeSet;

use rolecall_core::Permission;
use serde::Deserialize;

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::{Columns, FromRow, rows},
};

queries! {
    CLIENTS = "SELECT id, scope, sign_in FROM clients";
}

rows! {
    struct ClientRow {
        id: String,
        scope: Option<String>,
        sign_in: SignIn,
    }
}

/// The member of a client's sign-in that names roles.
#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    who: Vec<String>,
}

impl FromRow for SignIn {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

impl ClientRow {
    /// Returns true if a user may sign in through the client by one of `roles`: perhaps by nothing else, and the token
    /// may be limited to other roles.
    fn admits_by(&self, roles: &BTreeSet<&str>) -> bool {
        let mut who = self.sign_in.who.iter();
        who.any(|role| roles.contains(role.as_str()))
    }

    /// Returns true if tokens through the client carry one of these permissions of roles without their names.
    fn hides(&self, lost: &BTreeSet<Permission>) -> bool {
        let Some(ceiling) = self.scope.as_deref() else {
            return false;
        };
        // the object `role` is reserved, so a value that begins with `role:` is a role
        let names_role = ceiling.split(' ').any(|value| value.starts_with("role:"));
        !names_role
            && lost
                .iter()
                .any(|one| ceiling.split(' ').any(|value| value == one.as_str()))
    }
}

/// Returns the clients whose tokens end when holders of `roles` lose `lost`, or the roles themselves, beside the tokens that carry the names of
/// these roles.
pub(super) async fn clients_reached(
    conn: &mut Conn,
    roles: &BTreeSet<&str>,
    lost: &BTreeSet<Permission>,
) -> Result<Vec<String>, StoreError> {
    let all: Vec<ClientRow> = query(CLIENTS).fetch_all(conn).await?;
    let reached = all.into_iter();
    let reached = reached.filter(|client| client.hides(lost) || client.admits_by(roles));
    Ok(reached.map(|client| client.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(scope: Option<&str>, who: &[&str]) -> ClientRow {
        ClientRow {
            id: "c".to_owned(),
            scope: scope.map(str::to_owned),
            sign_in: SignIn {
                who: who.iter().map(|role| (*role).to_owned()).collect(),
            },
        }
    }

    #[test]
    fn y280_y372_a_client_is_reached_by_the_roles_of_its_users_and_by_what_it_hides() {
        let lost = BTreeSet::from(["staff", "guest"]);
        assert!(client(None, &["other", "staff"]).admits_by(&lost));
        assert!(!client(None, &["other"]).admits_by(&lost));
        assert!(!client(None, &[]).admits_by(&lost));
        let permissions = ["items:read", "parole:read"].map(|name| name.parse().unwrap());
        let gone = BTreeSet::from(permissions);
        let hides = |scope: Option<&str>| client(scope, &[]).hides(&gone);
        assert!(!hides(None));
        assert!(!hides(Some("role:staff")));
        assert!(!hides(Some("items:read role:staff")));
        assert!(hides(Some("items:read orders:read")));
        assert!(hides(Some("orders:read parole:read")));
        assert!(!hides(Some("orders:read items:readall")));
        assert!(!hides(Some("")));
        assert!(!client(Some("items:read"), &[]).hides(&BTreeSet::new()));
    }
}

//! Invitations by the log: each makes one account at most.

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::text;

/// The invitations that are over by the log.
#[derive(Debug, Default)]
pub(super) struct Invitations {
    over: BTreeSet<String>,
}

impl Invitations {
    /// Applies a change, and returns what is wrong with it: an invitation is accepted that was over. Somebody who can write
    /// to the database has brought it back.
    pub(super) fn apply(&mut self, change: &Value) -> Option<String> {
        let is_accepted = match text(change, "action") {
            "invitation.accepted" => true,
            "invitation.ended" => false,
            _ => return None,
        };
        let id = text(change, "invitation");
        let was_open = self.over.insert(id.to_owned());
        (is_accepted && !was_open)
            .then(|| format!("invitation `{id}` was accepted after it was over"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn y535_an_invitation_is_accepted_once_and_not_after_its_end() {
        let mut invitations = Invitations::default();
        for (action, id, is_wrong) in [
            ("invitation.created", "1", false),
            ("invitation.accepted", "1", false),
            ("invitation.accepted", "1", true),
            ("invitation.ended", "2", false),
            ("invitation.ended", "2", false),
            ("invitation.accepted", "2", true),
            ("invitation.accepted", "3", false),
            ("user.created", "3", false),
        ] {
            let change = json!({ "action": action, "invitation": id });
            let objection = invitations.apply(&change);
            assert_eq!(objection.is_some(), is_wrong, "{action} {id}");
        }
    }
}

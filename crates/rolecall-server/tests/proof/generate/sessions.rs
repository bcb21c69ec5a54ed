//! Logins and refreshes.

use super::Generator;
use crate::command::{Command, Name};

impl Generator {
    pub(super) fn random_log_in(&mut self) -> Command {
        let (user, tenant) = (self.user(), self.tenant());
        let held = self.model.id_of(&user).map(|id| {
            let counted = self.model.counted_now(id, tenant.as_deref());
            let roles = counted
                .roles()
                .into_iter()
                .map(|role| format!("role:{role}"));
            let values = roles.chain(self.model.permissions_of(&counted));
            values.collect::<Vec<Name>>()
        });
        let mut command = self.log_in(&user, tenant.as_deref());
        if let Command::LogIn { scope, .. } = &mut command
            && self.random.percent(40)
        {
            *scope = self.scope(&held.unwrap_or_default());
        }
        command
    }

    /// One or two scope values, mostly among those `held`.
    fn scope(&mut self, held: &[Name]) -> Vec<Name> {
        let mut scope = Vec::new();
        for _ in 0..=self.random.below(2) {
            let value = match held.get(self.random.below(held.len())) {
                Some(value) if self.random.percent(85) => value.clone(),
                _ if self.random.percent(50) => format!("role:{}", self.role()),
                _ => self.permission(),
            };
            if !scope.contains(&value) {
                scope.push(value);
            }
        }
        scope
    }

    pub(super) fn refresh(&mut self) -> Command {
        let at = self.random.below(self.model.sessions.len());
        let session = self.model.sessions.get(at);
        let of = session.map(|session| session.name.clone());
        let of = of.unwrap_or_else(|| "t1".to_owned());
        let scope = if self.random.percent(30) {
            let session = self.model.sessions.get(at);
            let granted =
                session.map(|session| session.granted.iter().cloned().collect::<Vec<_>>());
            self.scope(&granted.unwrap_or_default())
        } else {
            Vec::new()
        };
        self.tokens += 1;
        let token = format!("t{}", self.tokens);
        Command::Refresh { token, of, scope }
    }
}

//! Parses a line of text as a command.

use std::str::FromStr;

use super::{Act, AssignmentKey, Command, Constraint, Document, Entry, Name};

/// The words of a line.
struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl Words<'_> {
    fn next(&mut self) -> Result<Name, String> {
        let word = self.0.next().ok_or("the line ends too early")?;
        Ok(word.to_owned())
    }

    fn number(&mut self) -> Result<i64, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word} is not a number"))
    }

    /// Consumes the next word if it is this one; returns whether it was.
    fn takes(&mut self, word: &str) -> bool {
        self.0.next_if(|next| *next == word).is_some()
    }

    fn tenant(&mut self) -> Result<Option<Name>, String> {
        self.takes("in").then(|| self.next()).transpose()
    }

    fn time(&mut self, word: &str) -> Result<Option<i64>, String> {
        self.takes(word).then(|| self.number()).transpose()
    }

    /// The words up to one of `ends`, or to the end of the line.
    fn until(&mut self, ends: &[&str]) -> Vec<Name> {
        let mut found = Vec::new();
        while let Some(word) = self.0.next_if(|next| !ends.contains(next)) {
            found.push(word.to_owned());
        }
        found
    }

    fn scope(&mut self) -> Vec<Name> {
        if self.takes("for") {
            self.until(&[])
        } else {
            Vec::new()
        }
    }

    fn assignment_key(&mut self) -> Result<AssignmentKey, String> {
        Ok(AssignmentKey {
            user: self.next()?,
            role: self.next()?,
            tenant: self.tenant()?,
        })
    }

    fn constraint(&mut self) -> Result<Constraint, String> {
        Ok(Constraint {
            name: self.next()?,
            kind: self.next()?,
            at_most: self.count()?,
            roles: self.until(&["constraint"]),
        })
    }

    fn count(&mut self) -> Result<usize, String> {
        let number = self.number()?;
        usize::try_from(number).map_err(|_| format!("{number} is not a count"))
    }

    fn document(&mut self) -> Result<Document, String> {
        const PARTS: [&str; 2] = ["role", "constraint"];
        let mut document = Document::default();
        if self.takes("permissions") {
            document.permissions = self.until(&PARTS);
        }
        while self.takes("role") {
            let word = self.next()?;
            let role = word.trim_end_matches('!').to_owned();
            let approval = role != word;
            let patterns = self.until(&["role", "constraint", ">"]);
            let juniors = if self.takes(">") {
                self.until(&PARTS)
            } else {
                Vec::new()
            };
            document.roles.push(Entry {
                role,
                patterns,
                juniors,
                approval,
            });
        }
        while self.takes("constraint") {
            document.constraints.push(self.constraint()?);
        }
        Ok(document)
    }

    fn command(&mut self) -> Result<Command, String> {
        let first = self.next()?;
        if let Some(token) = first.strip_suffix(':') {
            let (token, act) = (token.to_owned(), self.act()?);
            return Ok(Command::By { token, act });
        }
        if self.takes("=") {
            return self.token(first);
        }
        Ok(match first.as_str() {
            "revoke" => Command::RevokeToken(self.next()?),
            "pass" => Command::Pass(self.number()?),
            "ask" => Command::Ask {
                user: self.next()?,
                need: self.next()?,
                tenant: self.tenant()?,
            },
            other => return Err(format!("unknown command {other}")),
        })
    }

    fn token(&mut self, token: Name) -> Result<Command, String> {
        Ok(match self.next()?.as_str() {
            "login" => Command::LogIn {
                token,
                user: self.next()?,
                tenant: self.tenant()?,
                scope: self.scope(),
            },
            "refresh" => Command::Refresh {
                token,
                of: self.next()?,
                scope: self.scope(),
            },
            other => return Err(format!("unknown grant {other}")),
        })
    }

    fn act(&mut self) -> Result<Act, String> {
        let verb = self.next()?;
        if ["user", "role", "permission", "constraint"].contains(&verb.as_str()) {
            let what = self.next()?;
            return self.act_on(&verb, &what);
        }
        Ok(match verb.as_str() {
            "end-sessions" => Act::EndSessions(self.next()?),
            "logout" => Act::LogOut,
            "grant" | "revoke" => {
                let (role, pattern) = (self.next()?, self.next()?);
                if verb == "grant" {
                    Act::Grant { role, pattern }
                } else {
                    Act::Revoke { role, pattern }
                }
            }
            "inherit" | "disinherit" => {
                let (senior, junior) = (self.next()?, self.next()?);
                if verb == "inherit" {
                    Act::Inherit { senior, junior }
                } else {
                    Act::Disinherit { senior, junior }
                }
            }
            "assign" => Act::Assign {
                to: self.assignment_key()?,
                from: self.time("from")?,
                until: self.time("until")?,
            },
            "unassign" => Act::Unassign(self.assignment_key()?),
            "confirm" => Act::Confirm(self.assignment_key()?),
            "end-request" => Act::EndRequest(self.assignment_key()?),
            "apply" => Act::Apply(self.document()?),
            other => return Err(format!("unknown action {other}")),
        })
    }

    fn act_on(&mut self, kind: &str, what: &str) -> Result<Act, String> {
        if (kind, what) == ("constraint", "add") {
            return Ok(Act::AddConstraint(self.constraint()?));
        }
        let name = self.next()?;
        Ok(match (kind, what) {
            ("user", "add") => Act::AddUser {
                user: name,
                roles: self.until(&[]),
            },
            ("user", "delete") => Act::DeleteUser(name),
            ("user", "disable") => Act::Disable(name),
            ("user", "enable") => Act::Enable(name),
            ("role", "add") => Act::AddRole(name),
            ("role", "delete") => Act::DeleteRole(name),
            ("role", "approval") => Act::Approval {
                role: name,
                on: self.next()? == "on",
            },
            ("permission", "add") => Act::AddPermission(name),
            ("permission", "delete") => Act::DeletePermission(name),
            ("constraint", "delete") => Act::DeleteConstraint(name),
            ("constraint", "limit") => Act::Limit {
                constraint: name,
                at_most: self.count()?,
            },
            ("constraint", "add-role") => Act::AddMember {
                constraint: name,
                role: self.next()?,
            },
            ("constraint", "remove-role") => Act::RemoveMember {
                constraint: name,
                role: self.next()?,
            },
            _ => return Err(format!("unknown action {kind} {what}")),
        })
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = Words(line.split_whitespace().peekable());
        let command = words.command()?;
        match words.0.next() {
            Some(word) => Err(format!("unexpected word {word}")),
            None => Ok(command),
        }
    }
}

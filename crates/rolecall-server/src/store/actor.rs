//! Who makes a change.

/// The author of a change, as the audit log names it: by id, never by name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A user, over the API or by `--as`.
    User(String),
    /// An OAuth client.
    Client(String),
    /// A person at the command line of the machine itself.
    CommandLine(String),
    /// A part of the application that embeds the server.
    Application(String),
    /// rolecall itself, or a person who is not logged in.
    System,
}

impl Actor {
    /// Returns the id of the user or client that the text of an actor names; `None` for the command line, an embedding
    /// application and rolecall itself.
    pub(crate) fn subject_in(text: &str) -> Option<&str> {
        let user = text.strip_prefix("user:");
        user.or_else(|| text.strip_prefix("client:"))
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::CommandLine(name) => write!(f, "cli:{name}"),
            Self::Application(part) => write!(f, "app:{part}"),
            Self::System => f.write_str("system"),
        }
    }
}
